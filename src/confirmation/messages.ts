import type { MessageKind } from '../storage/message-kind.ts'

/** Sent in the transaction that notes the request for another letter. */
export const letterRequested: MessageKind<'letter_id'> = { name: 'letter.requested', version: 1, ids: ['letter_id'] }
