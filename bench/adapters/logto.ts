import type { Adapter } from './adapter.ts'
import { basic } from './client-authentication.ts'
import { expectRotatedTokens, expectTokens } from './expect.ts'

export type LogtoSettings = {
  /** "App ID" of the application. */
  clientId: string
  /** "App secret", for a traditional web application. It changes what a refresh does. */
  clientSecret?: string
  /** Identifier of an API resource: only for one is the access token a JWT. */
  resource: string
}

/**
 * Logto, which runs on oidc-provider.
 *
 * Shapes: https://docs.logto.io/integrate-logto/application-data-structure, `packages/js/src/core/fetch-token.ts` of
 * https://github.com/logto-io/js, and `packages/core/src/oidc` (`init.ts`, `defaults.ts`, `grants/refresh-token.ts`) of
 * https://github.com/logto-io/logto, at commits 726a65d (`init.ts`) and e388c66 (`refresh-token.ts`).
 *
 * Set up: a native application, which is a public client and rotates with each refresh while its "Rotate refresh
 * token" is on, as it is by default. A traditional web application has a secret, and rotates only when 70 % of a
 * refresh token's life have passed. A single page application would do too, but its refresh tokens end after 14 days
 * all the same. The API resource has to exist.
 *
 * First credentials: nothing gets them in one request, so they have to be supplied. For each session, a person signs
 * in by `/oidc/auth` with PKCE, `scope=openid offline_access`, `prompt=consent` and the same `resource`; the code is
 * exchanged at `/oidc/token`. As in Logto's own clients no `scope` is sent, so each refresh signs an ID token as well.
 */
export function logto({ clientId, clientSecret, resource }: LogtoSettings): Adapter {
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    ...(clientSecret === undefined ? {} : { authorization: basic(clientId, clientSecret) }),
  }
  const client = clientSecret === undefined ? { client_id: clientId } : {}
  return {
    name: 'Logto',
    refreshDoes:
      clientSecret === undefined
        ? 'rotates the refresh token, and answers a JWT and an ID token'
        : 'answers a JWT and an ID token, and rotates the refresh token only late in its life',
    refresh: {
      ask: credential => ({
        method: 'POST',
        path: '/oidc/token',
        headers,
        body: new URLSearchParams({
          grant_type: 'refresh_token',
          refresh_token: credential,
          resource,
          ...client,
        }).toString(),
      }),
      read: clientSecret === undefined ? expectRotatedTokens : expectTokens,
    },
  }
}
