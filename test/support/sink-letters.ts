import { setTimeout as pause } from 'node:timers/promises'
import { simpleParser } from 'mailparser'
import { tokenIn } from './service.ts'
import type { SmtpSink } from './smtp-sink.ts'

export type ReceivedLetter = { to: string[]; subject: string; text: string; messageId: string; raw: string }

/** All letters to an address that the sink has taken, the oldest first. */
export async function lettersIn(sink: SmtpSink, to: string): Promise<ReceivedLetter[]> {
  const letters = sink.letters.filter(letter => letter.to.includes(to))
  return Promise.all(
    letters.map(async ({ to, raw }) => {
      const { subject = '', text = '', messageId = '' } = await simpleParser(raw)
      return { to, subject, text, messageId, raw }
    }),
  )
}

/** Waits for a letter to an address. @param seconds how long at the most */
export async function letterIn(sink: SmtpSink, to: string, seconds = 30): Promise<ReceivedLetter> {
  for (const deadline = Date.now() + seconds * 1_000; ; await pause(20)) {
    const [letter] = await lettersIn(sink, to)
    if (letter) return letter
    if (Date.now() > deadline) throw new Error(`no letter to ${to} has arrived in ${seconds} s`)
  }
}

export const tokenOf = (letter: ReceivedLetter): string => tokenIn(letter)
