import { oauthProvider } from '@better-auth/oauth-provider'
import { betterAuth } from 'better-auth'
import { jwt } from 'better-auth/plugins'
import type pg from 'pg'
import { APPLICATION, OAUTH_CLIENT_ID } from '../../adapters/better-auth.ts'

export type AuthSettings = {
  pool: pg.Pool
  /** Origin. */
  url: string
  secret: string
}

/** The API that access tokens are for; with none they would be opaque. */
export const RESOURCE = 'https://api.example.com'
/** Without `openid`, so that a refresh signs one JWT, as elsewhere, and no ID token beside it. */
export const SCOPE = 'offline_access'

const ES256 = { keyPairConfig: { alg: 'ES256' } } as const // the default is EdDSA

/** Sessions by cookie, and JWTs for them. */
export function sessionOptions(settings: AuthSettings) {
  return { ...commonOptions(settings), plugins: [jwt({ jwks: ES256 })] }
}

/** An OAuth server. That it has no `/token` and sets no header is what the documentation of the JWT plugin demands. */
export function oauthOptions(settings: AuthSettings) {
  return {
    ...commonOptions(settings),
    disabledPaths: ['/token'],
    plugins: [
      jwt({ jwks: ES256, disableSettingJwtHeader: true }),
      oauthProvider({
        loginPage: '/sign-in',
        consentPage: '/consent',
        scopes: [SCOPE],
        resources: [RESOURCE],
        clientRegistrationDefaultResources: [RESOURCE],
        generateClientId: () => OAUTH_CLIENT_ID,
        // Both for the sake of speed, as its documentation has it for clients of one's own.
        cachedTrustedClients: new Set([OAUTH_CLIENT_ID]),
        cachedResources: new Set([RESOURCE]),
      }),
    ],
  }
}

export const createSessionAuth = (settings: AuthSettings) => betterAuth(sessionOptions(settings))
export const createOAuthAuth = (settings: AuthSettings) => betterAuth(oauthOptions(settings))

function commonOptions({ pool, url, secret }: AuthSettings) {
  return {
    baseURL: url,
    secret,
    trustedOrigins: [APPLICATION],
    database: pool,
    emailAndPassword: { enabled: true },
    // `session.cookieCache` stays off, its default: with it a revoked session would be given JWTs until the cache has
    // expired, and the documentation says to do without where a revocation must take effect at once, as it does here.
    advanced: { database: { joins: true } }, // a session and its user in one query: its documentation of PostgreSQL
    rateLimit: { enabled: false },
    logger: { level: 'error' as const }, // so that it prints nothing unless something is wrong
  }
}
