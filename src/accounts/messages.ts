import type { MessageKind } from '../storage/message-kind.ts'

/** Sent in the transaction that inserts the account. Accounts does not know who listens. */
export const accountCreated: MessageKind<'account_id'> = { name: 'account.created', version: 1, ids: ['account_id'] }

/** Sent, at most once a minute for an address, when guesses have blocked sign-in there, whether or not anybody has it. */
export const signInBlocked: MessageKind<'request_id'> = { name: 'sign_in.blocked', version: 1, ids: ['request_id'] }
