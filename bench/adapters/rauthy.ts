import type { Adapter } from './adapter.ts'
import { expectRotatedTokens, expectTokens } from './expect.ts'

export type RauthySettings = {
  clientId: string
  /** For a confidential client. */
  clientSecret?: string
}

/**
 * Rauthy.
 *
 * Shapes: `src/service/src/oidc/grant_types` (`password.rs` and `refresh_token.rs`, commit 0578be3), `oidc/validation.rs`
 * (commit 0578be3) and `token_set.rs` (commit 561f72f) of https://github.com/sebadob/rauthy.
 *
 * Set up: a client with the flows `password` and `refresh_token`. `access.disable_refresh_token_nbf = true`; without it a
 * refresh token is refused until a minute before its access token expires. `lifetimes.refresh_token_grace_time` (5 s by
 * default) is how long the old refresh token stays good, and `lifetimes.refresh_token_lifetime` has to be longer than the
 * load. Each refresh signs three JWTs, since the refresh token is one and an ID token comes with it.
 *
 * There is no sign-up in one request: registering takes a proof of work, and a password is set with a link from an email.
 * So `signIn` works only for people that an administrator made, and the first credentials have to be supplied: the
 * `refresh_token` of the password grant, one for each session.
 */
export function rauthy({ clientId, clientSecret }: RauthySettings): Adapter {
  const client = { client_id: clientId, ...(clientSecret === undefined ? {} : { client_secret: clientSecret }) }
  const grant = (parameters: Record<string, string>) => ({
    method: 'POST' as const,
    path: '/auth/v1/oidc/token',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ ...parameters, ...client }).toString(),
  })
  return {
    name: 'Rauthy',
    refreshDoes: 'rotates the refresh token, which stays good for a grace time, and answers a JWT and an ID token',
    refresh: {
      ask: credential => grant({ grant_type: 'refresh_token', refresh_token: credential }),
      read: expectRotatedTokens,
    },
    passwordHash: 'argon2id, 128 MiB',
    signIn: {
      ask: ({ email, password }) => grant({ grant_type: 'password', username: email, password }),
      read: expectTokens,
    },
  }
}
