import { accountCreated, signInBlocked } from '../accounts/messages.ts'
import type { Queue } from '../storage/queue.ts'
import { type DeliverLetterNeeds, deliverLetter } from './letters/deliver-letter.ts'
import { type SendDeviceLinkNeeds, sendDeviceLink } from './letters/send-device-link.ts'
import { sendSignUpLetter } from './letters/send-sign-up-letter.ts'
import { letterRequested } from './messages.ts'

/** Starts sending the letters that messages ask for. */
export async function consumeMessages(queue: Queue, needs: DeliverLetterNeeds & SendDeviceLinkNeeds): Promise<void> {
  await queue.consume(accountCreated, ({ account_id }) => sendSignUpLetter(needs, account_id))
  await queue.consume(letterRequested, ({ letter_id }) => deliverLetter(needs, letter_id))
  await queue.consume(signInBlocked, ({ request_id }) => sendDeviceLink(needs, request_id))
}
