import type { Adapter } from './adapter.ts'
import { basic } from './client-authentication.ts'
import { expectRotatedTokens } from './expect.ts'

export type HydraSettings = {
  clientId: string
  /** For a client whose `token_endpoint_auth_method` is `client_secret_basic`, the default; without it, `none`. */
  clientSecret?: string
}

/**
 * Ory Hydra, at its public port (4444).
 *
 * Shapes: https://www.ory.sh/docs/hydra/reference/api (`oauth2TokenExchange`), the guide to graceful token refresh
 * (`docs/hydra/guides/graceful-token-refresh.mdx`, commit 1456674) of https://github.com/ory/docs, and
 * `fosite/handler/oauth2/flow_refresh.go` (commit 2c3ba13) of https://github.com/ory/hydra.
 *
 * Set up: `strategies.access_token: jwt`, or `access_token_strategy: jwt` for the client; otherwise access tokens are
 * opaque. A client with the grants `authorization_code` and `refresh_token` and the scope `offline_access`. Without
 * `openid` no ID token is signed. `oauth2.grant.refresh_token.rotation_grace_period` is unset by default: then a refresh
 * token that is used twice ends all tokens of its consent. `ttl.refresh_token` longer than the load. `--dev` for HTTP.
 *
 * First credentials: login and consent belong to an application, so nothing gets them in one request. For each session,
 * `GET /oauth2/auth` leads to that application with a `login_challenge`; `PUT
 * /admin/oauth2/auth/requests/login/accept` at the admin port (4445) accepts it, `…/consent/accept` the consent after
 * it, and the code at the end is exchanged at `/oauth2/token`.
 */
export function hydra({ clientId, clientSecret }: HydraSettings): Adapter {
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    ...(clientSecret === undefined ? {} : { authorization: basic(clientId, clientSecret) }),
  }
  const client = clientSecret === undefined ? { client_id: clientId } : {}
  return {
    name: 'Ory Hydra',
    refreshDoes: 'rotates the refresh token, and answers a JWT',
    refresh: {
      ask: credential => ({
        method: 'POST',
        path: '/oauth2/token',
        headers,
        body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: credential, ...client }).toString(),
      }),
      read: expectRotatedTokens,
    },
  }
}
