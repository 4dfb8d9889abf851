import { ConfirmationTickets } from '../../src/accounts/ticket.ts'
import { LetterTokens } from '../../src/confirmation/letters/letter-token.ts'
import { KeyRing } from '../../src/secrets/key-ring.ts'
import { RefreshTokens } from '../../src/sessions/refresh-token.ts'
import { SECRET_KEY } from '../support/service.ts'

const KEYS = KeyRing.parse(SECRET_KEY)

/** Id of the secret key that tests and measurements give the service. */
export const KEY_ID = KEYS.ids[0]!

// They make what a service with that key takes for its own.
export const refreshTokens = new RefreshTokens(KEYS.for('refresh-token'))
export const letterTokens = new LetterTokens(KEYS.for('letter-token'))
export const confirmationTickets = new ConfirmationTickets(KEYS.for('confirmation-ticket'))
