import type { Adapter } from './adapter.ts'
import { expectRotatedTokens, expectTokens } from './expect.ts'

export type KeycloakSettings = {
  realm: string
  clientId: string
  /** For a confidential client. */
  clientSecret?: string
  /** "Revoke Refresh Token" of the realm, which an answer does not tell; off by default, as there. */
  revokeRefreshToken?: 'on' | 'off'
}

/**
 * Keycloak.
 *
 * Shapes: https://www.keycloak.org/securing-apps/oidc-layers for the token endpoint and the password grant, and
 * https://www.keycloak.org/docs/latest/server_admin/#_timeouts for the rotation; `RefreshTokenGrantType.java` and
 * `TokenManager.java` of https://github.com/keycloak/keycloak, as of 26 (commit 898fded).
 *
 * Set up: a public client with "Direct access grants" (its other flows do not matter), and "Revoke Refresh Token" on to
 * have what rotates elsewhere: with it off each answer still carries a new refresh token, but the old ones stay good.
 * "Refresh Token Max Reuse" 0. "SSO Session Idle" longer than the load. People with email, first name and last name, a
 * password that is not temporary and no required actions, or the password grant answers "Account is not fully set up".
 * Brute force detection off where many sign in as one. `openid` is not asked for, so no ID token is signed either.
 *
 * There is no sign-up in one request: people register in a browser, or an administrator makes them. So sessions come from
 * `--credentials`. With 26.7.3, built by `kc.sh build --db=postgres --cache=local` and started by `kc.sh start --optimized
 * --http-enabled=true --hostname=http://127.0.0.1:8080 --db-url=… --db-username=… --db-pool-max-size=20`, these lines set
 * it up. They make 300 sessions, as refreshes need 256 and each measurement of concurrent exchanges ends 5 in each round:
 *
 *     kcadm.sh config credentials --server http://127.0.0.1:8080 --realm master --user admin
 *     kcadm.sh create realms -s realm=bench -s enabled=true -s defaultSignatureAlgorithm=ES256 \
 *       -s revokeRefreshToken=true -s refreshTokenMaxReuse=0 -s ssoSessionIdleTimeout=36000 -s ssoSessionMaxLifespan=36000
 *     kcadm.sh create clients -r bench -s clientId=bench -s publicClient=true -s directAccessGrantsEnabled=true
 *     seq 300 | jq -nR '{users: [inputs | {username: "bench\(.)", email: "bench\(.)@example.com", emailVerified: true,
 *       firstName: "Bench", lastName: ., enabled: true, credentials: [{type: "password", value: "a long passphrase"}]}]}' \
 *       > people.json
 *     kcadm.sh create partialImport -r bench -s ifResourceExists=SKIP -f people.json
 *     for n in $(seq 300); do
 *       curl -s http://127.0.0.1:8080/realms/bench/protocol/openid-connect/token -d grant_type=password \
 *         -d client_id=bench -d username=bench$n@example.com --data-urlencode 'password=a long passphrase' |
 *         jq -r .refresh_token
 *     done > tokens.txt
 *
 *     npm run bench -- refreshes concurrent-exchanges --server keycloak=http://127.0.0.1:8080 \
 *       --setting keycloak.realm=bench --setting keycloak.clientId=bench --setting keycloak.revokeRefreshToken=on \
 *       --credentials keycloak=tokens.txt
 */
export function keycloak(settings: KeycloakSettings): Adapter {
  const { realm, clientId, clientSecret, revokeRefreshToken = 'off' } = settings
  const client = { client_id: clientId, ...(clientSecret === undefined ? {} : { client_secret: clientSecret }) }
  const grant = (parameters: Record<string, string>) => ({
    method: 'POST' as const,
    path: `/realms/${encodeURIComponent(realm)}/protocol/openid-connect/token`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ ...parameters, ...client }).toString(),
  })
  return {
    name: 'Keycloak',
    refreshDoes:
      revokeRefreshToken === 'on'
        ? 'rotates the refresh token ("Revoke Refresh Token" is on), and answers a JWT'
        : 'answers a JWT and a further refresh token, and ends no old one ("Revoke Refresh Token" is off)',
    refresh: {
      ask: credential => grant({ grant_type: 'refresh_token', refresh_token: credential }),
      read: revokeRefreshToken === 'on' ? expectRotatedTokens : expectTokens,
    },
    passwordHash: 'argon2id, 7 MiB, 5 passes',
    signIn: {
      ask: ({ email, password }) => grant({ grant_type: 'password', username: email, password }),
      read: expectTokens,
    },
  }
}
