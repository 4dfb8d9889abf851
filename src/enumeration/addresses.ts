import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { OperatorError } from '../operator-error.ts'
import { type Answer, type Client, headerOf, jsonOf } from './client.ts'
import { type AddressClass, CLASSES, type Subject } from './endpoints.ts'

/** An address that nobody has used before. */
export const freshAddress = (domain: string): string => `audit.${randomBytes(9).toString('hex')}@${domain}`
export const freshPassword = (): string => randomBytes(18).toString('base64url')

const LETTER_TAKES = 15_000 // milliseconds at the most

/** The letters that a service shows in its own mailbox, as it does on a machine to try it out. */
export class MailboxReader {
  readonly #client: Client

  private constructor(client: Client) {
    this.#client = client
  }

  /** @returns undefined when the service hands its letters to a mail server */
  static async of(client: Client): Promise<MailboxReader | undefined> {
    const answer = await client.ask(requestFor('nobody@example.com'))
    return answer.status === 200 && Array.isArray(jsonOf(answer)?.messages) ? new MailboxReader(client) : undefined
  }

  /** The texts of all letters to an address. */
  async lettersTo(address: string): Promise<string[]> {
    const { messages } = jsonOf(await this.#client.ask(requestFor(address)))
    return messages.map(({ text }: { text: string }) => text)
  }

  /** Waits until that many letters have come, or have not come for long enough. @returns how many there are */
  async countLettersTo(address: string, least: number): Promise<number> {
    for (const deadline = Date.now() + LETTER_TAKES; ; await pause(50)) {
      const { length } = await this.lettersTo(address)
      if (length >= least || Date.now() > deadline) return length
    }
  }
}

const requestFor = (to: string) => ({
  method: 'GET' as const,
  path: `/mailbox/api/messages?to=${encodeURIComponent(to)}`,
})

/** A confirmed account that the operator has, for services whose letters cannot be read. */
export type OwnAccount = { email: string; password: string }

/** Makes addresses of each class, some at a time so that the service does more than one thing at once. */
export class AddressMaker {
  readonly #client: Client
  readonly #domain: string
  readonly #mailbox: MailboxReader | undefined
  readonly #ownAccounts: readonly OwnAccount[]
  readonly #onSignUp: (answer: Answer, email: string) => void

  /** @param needs.onSignUp is told of each sign-up's answer */
  constructor(needs: {
    client: Client
    domain: string
    mailbox: MailboxReader | undefined
    ownAccounts: readonly OwnAccount[]
    onSignUp(answer: Answer, email: string): void
  }) {
    this.#client = needs.client
    this.#domain = needs.domain
    this.#mailbox = needs.mailbox
    this.#ownAccounts = needs.ownAccounts
    this.#onSignUp = needs.onSignUp
  }

  /** @param onMade is told of each address */
  async make(count: number, onMade: () => void = () => {}): Promise<Record<AddressClass, Subject[]>> {
    const made: Record<AddressClass, Subject[]> = { unknown: [], unconfirmed: [], confirmed: [] }
    const tasks = CLASSES.flatMap(kind => Array.from({ length: count }, (_, index) => ({ kind, index }))).values()
    const lane = async () => {
      for (const { kind, index } of tasks) {
        made[kind].push(await this.makeOne(kind, index))
        onMade()
      }
    }
    await Promise.all([lane(), lane(), lane(), lane()])
    return made
  }

  /** One of a class. @param index which one, where the operator gave those that are confirmed */
  async makeOne(kind: AddressClass, index: number): Promise<Subject> {
    return { email: await this.#addressOf(kind, index), password: freshPassword() }
  }

  async #addressOf(kind: AddressClass, index: number): Promise<string> {
    if (kind === 'unknown') return freshAddress(this.#domain)
    if (kind === 'unconfirmed') return (await this.#signUp()).email
    const own = this.#ownAccounts[index % this.#ownAccounts.length]
    return own ? own.email : this.#confirmed()
  }

  async #signUp() {
    const [email, password] = [freshAddress(this.#domain), freshPassword()]
    const answer = await this.#client.ask({ method: 'POST', path: '/v1/accounts', json: { email, password } })
    if (answer.status !== 201) throw unexpected('a sign-up with a fresh address to answer 201', answer)
    this.#onSignUp(answer, email)
    return { email, ticket: jsonOf(answer).confirmation.ticket as string }
  }

  async #confirmed(): Promise<string> {
    const { email, ticket } = await this.#signUp()
    const count = await this.#mailbox!.countLettersTo(email, 1)
    const [letter = ''] = await this.#mailbox!.lettersTo(email)
    const token = /token=([\w.-]+)/.exec(letter)?.[1]
    if (!token)
      throw new OperatorError({
        needed: 'a letter with a confirmation link in the mailbox, to confirm an address of our own',
        found: count === 0 ? `none in ${LETTER_TAKES / 1_000} s` : 'a letter without such a link',
        remedy: 'look into the log of the service for letters that failed',
      })
    const answer = await this.#client.ask({ method: 'POST', path: '/v1/confirmations', json: { token, ticket } })
    if (answer.status !== 200) throw unexpected('a confirmation to answer 200', answer)
    return email
  }
}

/**
 * Makes sure that the operator's accounts are confirmed, by signing in to each and out again: with one that is not,
 * unknown addresses would be compared with unknown ones, and always be alike.
 */
export async function checkOwnAccounts(client: Client, accounts: readonly OwnAccount[]): Promise<void> {
  for (const { email, password } of accounts) {
    const answer = await client.ask({ method: 'POST', path: '/v1/sessions', json: { email, password } })
    if (answer.status !== 201)
      throw new OperatorError({
        needed: `the sign-in of the confirmed account ${email} to answer 201`,
        found: `${answer.status} ${jsonOf(answer)?.code ?? ''}`,
        remedy: 'give an address with --confirmed that is confirmed, and its password as the first line of the input',
      })
    await client.ask({ method: 'POST', path: '/oauth2/revoke', form: { token: jsonOf(answer).refresh_token } })
  }
}

export function unexpected(needed: string, answer: Answer): OperatorError {
  const body = answer.body.slice(0, 500)
  return new OperatorError({
    needed,
    found: `${answer.status} (${headerOf(answer, 'content-type') ?? 'no content type'}) ${body}`,
    remedy: 'make sure that --url leads to the service itself, and that it accepts addresses of --domain',
  })
}
