import { KeyRing } from '../../src/secrets/key-ring.ts'
import { RefreshTokens } from '../../src/sessions/refresh-token.ts'
import { SECRET_KEY } from '../support/service.ts'

const KEYS = KeyRing.parse(SECRET_KEY)

/** Id of the secret key that tests and measurements give the service. */
export const KEY_ID = KEYS.ids[0]!

/** Makes refresh tokens that a service with that key takes for its own. */
export const refreshTokens = new RefreshTokens(KEYS.for('refresh-token'))
