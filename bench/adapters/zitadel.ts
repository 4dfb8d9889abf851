import type { Adapter, SignIn } from './adapter.ts'
import { expectJson, expectRotatedTokens, expectText } from './expect.ts'

export type ZitadelSettings = {
  clientId: string
  /** It is hashed like a password with each refresh: a public client spares that. */
  clientSecret?: string
  /** Access token of a service user who may write sessions. Without it there is no `signIn`. */
  serviceToken?: string
}

/**
 * Zitadel. Its URL has to have the host that the instance is configured with: it finds the instance by that.
 *
 * Shapes: https://zitadel.com/docs/apis/openidoauth/endpoints#refresh-token-grant and
 * https://zitadel.com/docs/guides/integrate/login-ui/username-password; `internal/api/oidc` (`token.go`,
 * `token_refresh.go` at commit ed9c71b) and `internal/command/oidc_session.go` of https://github.com/zitadel/zitadel;
 * the session service in `@zitadel/proto` 1.3.1.
 *
 * Set up: a native or user agent application (authentication method "None") with the grant type "Refresh Token" and
 * the auth token type "JWT", without which access tokens are opaque. For `signIn`, people whose user name is their
 * email, "Add Organization Domain as suffix to loginnames" off, and a service user with the role `IAM_LOGIN_CLIENT` and
 * a personal access token.
 *
 * First credentials: they have to be supplied, since there is no password grant. For each session, a person signs in
 * by `/oauth/v2/authorize` with PKCE and `scope=openid offline_access`, or the service user does it for them: it takes
 * the id of the auth request from where that leads, `POST /v2/sessions` as here, `POST /v2/oidc/auth_requests/<id>`
 * with the session, and the code from its answer to `/oauth/v2/token`. `openid` is required there, and no other `scope`
 * sent here, so each refresh signs an ID token as well.
 */
export function zitadel({ clientId, clientSecret, serviceToken }: ZitadelSettings): Adapter {
  const client = { client_id: clientId, ...(clientSecret === undefined ? {} : { client_secret: clientSecret }) }
  return {
    name: 'Zitadel',
    refreshDoes: 'rotates the refresh token, and answers a JWT and an ID token',
    refresh: {
      ask: credential => ({
        method: 'POST',
        path: '/oauth/v2/token',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: credential, ...client }).toString(),
      }),
      read: expectRotatedTokens,
    },
    ...(serviceToken === undefined ? {} : { signIn: passwordCheck(serviceToken) }),
  }
}

/** What it returns is the token of a session of the session API: `refresh` cannot go on with it. */
function passwordCheck(serviceToken: string): SignIn {
  const headers = { authorization: `Bearer ${serviceToken}`, 'content-type': 'application/json' }
  return {
    ask: ({ email, password }) => ({
      method: 'POST',
      path: '/v2/sessions',
      headers,
      body: JSON.stringify({ checks: { user: { loginName: email }, password: { password } } }),
    }),
    // The reference says 200, the definition that the server is generated from 201.
    read: answer => expectText(expectJson(answer, 200, 201), 'sessionToken'),
  }
}
