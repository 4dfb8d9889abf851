import type { Adapter } from './adapter.ts'

const FORM_HEADERS = { 'content-type': 'application/x-www-form-urlencoded' }
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/

/** The public client that all refreshes are for. */
export const CLIENT_ID = 'bench'

/** oidc-provider. It leaves people and their passwords to the application. */
export function oidcProvider(): Adapter {
  return {
    name: 'oidc-provider',
    refreshDoes: 'rotates the refresh token, and answers a JWT',
    refresh: {
      ask: refreshToken => ({
        method: 'POST',
        path: '/token',
        headers: FORM_HEADERS,
        body: `grant_type=refresh_token&client_id=${CLIENT_ID}&refresh_token=${refreshToken}`,
      }),
      read: ({ status, body }, refreshToken) => {
        const { access_token, refresh_token } = status === 200 ? JSON.parse(body) : {}
        if (!isJwt(access_token) || typeof refresh_token !== 'string' || refresh_token === refreshToken)
          throw new Error(`an exchange answered ${status}: ${body}`)
        return refresh_token
      },
    },
  }
}

/** Without a resource, it answers an opaque access token. */
const isJwt = (token: unknown) => typeof token === 'string' && JWT.test(token)
