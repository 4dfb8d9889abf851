import { simpleParser } from 'mailparser'
import { send } from '../../support/service.ts'
import type { SmtpSink } from '../../support/smtp-sink.ts'
import type { TakenLetter } from './judge.ts'

/** Where the letters go. */
export type Mail = {
  /** The first letter to an address, once it is there. */
  letterTo(address: string): Promise<TakenLetter | undefined>
  all(): Promise<TakenLetter[]>
}

export function mailIn(sink: SmtpSink): Mail {
  const read = async ({ to: [to = ''], raw }: SmtpSink['letters'][number]): Promise<TakenLetter> => {
    const { messageId = '', text = '' } = await simpleParser(raw)
    return { to, messageId, token: tokenIn(text) }
  }
  return {
    async letterTo(address) {
      const letter = sink.letters.find(({ to }) => to.includes(address))
      return letter && read(letter)
    },
    async all() {
      const letters: TakenLetter[] = []
      for (const letter of sink.letters) letters.push(await read(letter)) // one by one, as there are thousands
      return letters
    },
  }
}

type MailboxMessage = { id: string; to: string[]; text: string; headers: Record<string, string> }

/**
 * The embedded mailbox, which lists its newest 100 letters only: {@link CollectedMail.collect} is called before more
 * than that have arrived.
 */
export type CollectedMail = Mail & { collect(url: string): Promise<void> }

/** @param origin of the service that runs now */
export function mailCollected(origin: () => string): CollectedMail {
  const collected = new Map<string, TakenLetter>()
  const listed = async (url: string): Promise<[string, TakenLetter][]> => {
    const { body } = await send<{ messages: MailboxMessage[] }>(url)
    return body.messages.map(({ id, to: [to = ''], text, headers }) => [
      id,
      { to, messageId: headers['message-id'] ?? '', token: tokenIn(text) },
    ])
  }
  return {
    async letterTo(address) {
      const url = `${origin()}/mailbox/api/messages?${new URLSearchParams({ to: address })}`
      const letters = await listed(url).catch(() => []) // it was killed meanwhile
      return letters.at(-1)?.[1]
    },
    async all() {
      return [...collected.values()]
    },
    async collect(url) {
      for (const [id, letter] of await listed(`${url}/mailbox/api/messages`)) collected.set(id, letter)
    },
  }
}

function tokenIn(text: string): string | undefined {
  return /https?:\/\/\S+\/confirm\?token=(\S+)/.exec(text)?.[1]
}
