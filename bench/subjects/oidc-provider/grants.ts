import { randomUUID } from 'node:crypto'
import type Provider from 'oidc-provider'
import pg from 'pg'
import type { Credential } from '../../adapters/adapter.ts'
import { CLIENT_ID } from '../../adapters/oidc-provider.ts'
import { createProvider, RESOURCE, RESOURCE_SCOPE } from './provider.ts'

/**
 * Grants the client access to as many accounts, as the authorization code flow would have: an instance beside that of
 * the server writes them to the same database, with the same models.
 *
 * @returns the first refresh token of each
 */
export async function openGrants(
  { url, databaseUrl }: { url: string; databaseUrl: string },
  count: number,
): Promise<Credential[]> {
  const pool = new pg.Pool({ connectionString: databaseUrl })
  try {
    const provider = createProvider(url, pool)
    const tokens: Credential[] = []
    while (tokens.length < count) tokens.push(await openGrant(provider))
    return tokens
  } finally {
    await pool.end()
  }
}

async function openGrant(provider: Provider): Promise<Credential> {
  const client = (await provider.Client.find(CLIENT_ID))!
  const accountId = randomUUID()
  const grant = new provider.Grant({ accountId, clientId: CLIENT_ID })
  grant.addOIDCScope('offline_access')
  grant.addResourceScope(RESOURCE, RESOURCE_SCOPE)
  const token = new provider.RefreshToken({
    accountId,
    client,
    grantId: await grant.save(),
    gty: 'authorization_code',
    resource: RESOURCE,
    // Without `openid`, so that a refresh signs one JWT, as elsewhere, and no ID token beside it.
    scope: `offline_access ${RESOURCE_SCOPE}`,
    expiresWithSession: false, // as `offline_access` has it; else each refresh looks a session up
    rotations: 0,
  })
  return await token.save()
}
