import { Type } from 'typebox'
import { defineMessage } from '../storage/queue.ts'

/** Sent in the transaction that notes the request for another letter. */
export const letterRequested = defineMessage(
  'letter.requested',
  1,
  Type.Object({ letter_id: Type.String({ format: 'uuid' }) }),
)
