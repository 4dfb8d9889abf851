import type { MessageKind } from '../storage/queue.ts'

/** Sent in the transaction that inserts the account. Accounts does not know who listens. */
export const accountCreated: MessageKind<'account_id'> = { name: 'account.created', version: 1, ids: ['account_id'] }
