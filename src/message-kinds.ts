import { accountCreated, signInBlocked } from './accounts/messages.ts'
import { letterRequested } from './confirmation/messages.ts'

/** Every kind of message; each has a queue of its name. */
export const MESSAGE_KINDS = [accountCreated, letterRequested, signInBlocked]
