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
 * First credentials: login and consent belong to an application, so nothing gets them in one request, and sessions come
 * from `--credentials`. With 2.3.0 these lines make 300, as refreshes need 256 and concurrent exchanges end most of the
 * sessions that they use. No application is needed: what it would answer is sent to the admin port.
 *
 *     hydra create jwk hydra.jwt.access-token --alg ES256 --endpoint http://127.0.0.1:4445
 *     public=http://127.0.0.1:4444 requests=http://127.0.0.1:4445/admin/oauth2/auth/requests callback=http://127.0.0.1/
 *     client=$(curl -s http://127.0.0.1:4445/admin/clients --json '{"grant_types":["authorization_code","refresh_token"],
 *       "response_types":["code"],"scope":"offline_access","redirect_uris":["'$callback'"],
 *       "token_endpoint_auth_method":"none"}' | jq -r .client_id)
 *     follow() { curl -s -o /dev/null -w '%{redirect_url}' -b jar -c jar "$1"; }
 *     accept() { curl -s -X PUT "$requests/$1/accept?$1_challenge=${2#*_challenge=}" --json "$3" | jq -r .redirect_to; }
 *     for n in $(seq 300); do
 *       rm -f jar
 *       login=$(follow "$public/oauth2/auth?client_id=$client&response_type=code&scope=offline_access&state=12345678&redirect_uri=$callback")
 *       consent=$(follow "$(accept login "$login" '{"subject":"bench'$n'"}')")
 *       code=$(follow "$(accept consent "$consent" '{"grant_scope":["offline_access"]}')")
 *       code=${code#*code=} code=${code%%&*}
 *       curl -s $public/oauth2/token -d grant_type=authorization_code -d client_id=$client -d redirect_uri=$callback \
 *         -d code=$code | jq -r .refresh_token
 *     done > tokens.txt
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
