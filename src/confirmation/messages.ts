import type { MessageKind } from '../storage/message-kind.ts'

/** Sent in the transaction that notes a ticket's request for another letter, or releases one that was held. */
export const letterRequested: MessageKind<'letter_id'> = { name: 'letter.requested', version: 1, ids: ['letter_id'] }

/** The same for a request by address, whose letter no ticket shows; its messages share no place in hand with the others. */
export const letterRequestedByAddress: MessageKind<'letter_id'> = {
  name: 'letter.requested_by_address',
  version: 1,
  ids: ['letter_id'],
}
