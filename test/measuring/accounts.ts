import { setTimeout as pause } from 'node:timers/promises'
import { type SignedUp, send, signUp, tokenIn } from '../support/service.ts'

const LONGEST_WAIT = 15_000 // milliseconds

/** Signs up and confirms, with the letter from the embedded mailbox. */
export async function confirmedAccount({ url }: { url: string }): Promise<SignedUp> {
  const account = await signUp({ url })
  const token = tokenIn(await letterTo(url, account.email))
  const { status, text } = await send(`${url}/v1/confirmations`, { json: { token, ticket: account.ticket } })
  if (status !== 200) throw new Error(`confirming answered ${status}: ${text}`)
  return account
}

async function letterTo(url: string, email: string): Promise<{ text: string }> {
  for (const deadline = Date.now() + LONGEST_WAIT; ; await pause(20)) {
    const { body } = await send<{ messages: { text: string }[] }>(`${url}/mailbox/api/messages?to=${email}`)
    if (body.messages[0]) return body.messages[0]
    if (Date.now() > deadline) throw new Error('no letter has arrived in the mailbox')
  }
}
