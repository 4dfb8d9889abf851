import { createLocalJWKSet, decodeJwt, errors, jwtVerify } from 'jose'
import { LIFETIMES } from '../models/session-model.ts'
import type { World } from '../models/world.ts'
import type { Reply } from '../support/http-connections.ts'
import type { Boundary } from './clock.ts'

const LEEWAY = 60 // seconds, what verifiers usually allow

/** Access tokens at the last second and after it, for the service itself and for a verifier with a leeway. */
export async function accessTokenBoundaries(
  { http, url, setProcessClock }: World,
  now: number,
  random: () => number,
  exchange: () => Promise<Reply>,
): Promise<Boundary[]> {
  const { access_token: token, expires_in } = (await exchange()).body
  const { iat, exp } = decodeJwt(token)
  const keys = createLocalJWKSet((await http.get(`${url}/.well-known/jwks.json`)).body)

  const own = async (seconds: number) => {
    setProcessClock!(seconds * 1_000 + Math.floor(random() * 1_000))
    return String((await http.get(`${url}/v1/account`, { authorization: `Bearer ${token}` })).status)
  }
  const elsewhere = async (seconds: number) => {
    const options = { currentDate: new Date(seconds * 1_000), clockTolerance: LEEWAY }
    return jwtVerify(token, keys, options).then(
      () => 'good',
      error => (error instanceof errors.JWTExpired ? 'expired' : String(error)),
    )
  }
  const boundaries: [what: string, found: string, expected: string][] = [
    ['its lifetime', `${exp! - iat!} ${expires_in}`, `${LIFETIMES.accessToken} ${LIFETIMES.accessToken}`],
    ['a second before its end', await own(exp! - 1), '200'],
    ['at its end', await own(exp!), '401'],
    ['a second after its end', await own(exp! + 1), '401'],
    ['a second before the end of the leeway', await elsewhere(exp! + LEEWAY - 1), 'good'],
    ['a second after the leeway', await elsewhere(exp! + LEEWAY + 1), 'expired'],
  ]
  setProcessClock!(now)
  return boundaries.map(([what, found, expected]) => ({ what: `access token, ${what}`, found, expected }))
}
