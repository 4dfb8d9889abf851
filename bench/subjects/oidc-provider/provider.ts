import { generateKeyPairSync, randomBytes } from 'node:crypto'
import Provider, { type JWK } from 'oidc-provider'
import type pg from 'pg'
import { CLIENT_ID } from '../../adapters/oidc-provider.ts'
import { postgresAdapter } from './postgres-adapter.ts'

/** The API that access tokens are for; with none they would be opaque. */
export const RESOURCE = 'https://api.example.com'
export const RESOURCE_SCOPE = 'read'

const HOUR = 3_600 // seconds
const DAY = 24 * HOUR

/** @param url its issuer, an origin */
export function createProvider(url: string, pool: pg.Pool): Provider {
  const provider = new Provider(url, {
    adapter: postgresAdapter(pool),
    clients: [
      {
        client_id: CLIENT_ID,
        token_endpoint_auth_method: 'none',
        redirect_uris: ['https://app.example.com/callback'],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        id_token_signed_response_alg: 'ES256',
      },
    ],
    jwks: { keys: [newSigningKey()] },
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    // Every account is there: a service would look it up in its database, here or at its own API.
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    rotateRefreshToken: true,
    ttl: { AccessToken: HOUR, RefreshToken: 14 * DAY, Grant: 14 * DAY },
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({
          scope: RESOURCE_SCOPE,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  })
  provider.on('server_error', (_context, error) => console.error(error)) // it prints nothing itself
  return provider
}

function newSigningKey(): JWK {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { ...(privateKey.export({ format: 'jwk' }) as JWK), use: 'sig', alg: 'ES256' }
}
