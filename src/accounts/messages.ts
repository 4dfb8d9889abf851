import { Type } from 'typebox'
import { defineMessage } from '../storage/queue.ts'

/** Sent in the transaction that inserts the account. Accounts does not know who listens. */
export const accountCreated = defineMessage(
  'account.created',
  1,
  Type.Object({ account_id: Type.String({ format: 'uuid' }) }),
)
