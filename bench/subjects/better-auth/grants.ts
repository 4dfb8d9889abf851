import { createHash, randomBytes } from 'node:crypto'
import { betterAuth } from 'better-auth'
import { testUtils } from 'better-auth/plugins'
import type { Credential } from '../../adapters/adapter.ts'
import { APPLICATION, OAUTH_CLIENT_ID } from '../../adapters/better-auth.ts'
import { type AuthSettings, oauthOptions, RESOURCE, SCOPE } from './auth.ts'
import { newSession, type Server, seed, times } from './seeding.ts'

const REDIRECT_URI = `${APPLICATION}/callback`

type Handler = (request: Request) => Promise<Response>

/** Registers the client that all refreshes are for: a public one, which needs no consent. */
export async function registerClient(server: Server): Promise<void> {
  await seed(server, async settings => {
    const auth = createAuth(settings)
    const { test } = await auth.$context
    await auth.api.adminCreateOAuthClient({
      headers: new Headers({ cookie: await newSession(test) }),
      body: { redirect_uris: [REDIRECT_URI], token_endpoint_auth_method: 'none', skip_consent: true, scope: SCOPE },
    })
  })
}

/** Lets as many people authorize the client. @returns the first refresh token of each */
export async function openGrants(server: Server, count: number): Promise<Credential[]> {
  return await seed(server, async settings => {
    const auth = createAuth(settings)
    const { test } = await auth.$context
    return await times(count, async () => authorize(auth.handler, settings.url, await newSession(test)))
  })
}

function createAuth(settings: AuthSettings) {
  const options = oauthOptions(settings)
  return betterAuth({ ...options, plugins: [...options.plugins, testUtils()] })
}

/** The authorization code flow of RFC 6749, section 4.1, with PKCE. */
async function authorize(handler: Handler, url: string, cookie: string): Promise<Credential> {
  const verifier = randomBytes(32).toString('base64url')
  const code = await requestCode(handler, url, { cookie, verifier })
  const request = {
    grant_type: 'authorization_code',
    client_id: OAUTH_CLIENT_ID,
    redirect_uri: REDIRECT_URI,
    code,
    code_verifier: verifier,
    resource: RESOURCE,
  }
  const body = new URLSearchParams(request)
  const answer = await handler(new Request(`${url}/api/auth/oauth2/token`, { method: 'POST', body }))
  const text = await answer.text()
  if (!answer.ok) throw new Error(`The token endpoint answered ${answer.status}: ${text}`)
  return JSON.parse(text).refresh_token
}

async function requestCode(
  handler: Handler,
  url: string,
  { cookie, verifier }: { cookie: string; verifier: string },
): Promise<string> {
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: OAUTH_CLIENT_ID,
    redirect_uri: REDIRECT_URI,
    scope: SCOPE,
    state: 'state',
    resource: RESOURCE,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  })
  const answer = await handler(new Request(`${url}/api/auth/oauth2/authorize?${query}`, { headers: { cookie } }))
  const location = answer.headers.get('location') ?? ''
  const code = URL.canParse(location) ? new URL(location).searchParams.get('code') : undefined
  if (!code) throw new Error(`The authorization endpoint answered ${answer.status}, to ${location}`)
  return code
}
