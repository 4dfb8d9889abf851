import type { Adapter } from './adapter.ts'
import { expectRotatedTokens, expectTokens } from './expect.ts'

export type GoTrueSettings = {
  /** Only the gateway of Supabase wants it; the server itself does not read it. */
  apiKey?: string
  /** Where the gateway has the server: `/auth/v1` at Supabase. The server itself answers at the root. */
  basePath?: string
}

/**
 * GoTrue, which Supabase Auth is.
 *
 * Shapes: `openapi.yaml`, `internal/api` (`api.go`, `signup.go`, `middleware.go`) and `internal/tokens/service.go` (at
 * commit 3e39365) of https://github.com/supabase/auth, and its README for the settings.
 *
 * Set up: `GOTRUE_MAILER_AUTOCONFIRM=true`, or a sign-up answers a person without tokens, and the same for an address
 * that is taken; `GOTRUE_DISABLE_SIGNUP=false`; no captcha. It counts requests per address only where
 * `GOTRUE_RATE_LIMIT_HEADER` names a header that a request has: leave that unset. Supabase's own gateway does set it.
 * `GOTRUE_JWT_KEYS` gives it a key pair to sign with; without them it signs with `GOTRUE_JWT_SECRET`, by HMAC.
 * `GOTRUE_DB_MAX_POOL_SIZE=20`: unset, its connections have no limit and it is many times slower, so that a figure would
 * be one of a misconfiguration. `--setting gotrue.setUp="A pool of 20 connections."` puts it into the document.
 */
export function gotrue({ apiKey, basePath = '' }: GoTrueSettings = {}): Adapter {
  const headers = { 'content-type': 'application/json', ...(apiKey === undefined ? {} : { apikey: apiKey }) }
  const post = (path: string, body: Record<string, string>) => ({
    method: 'POST' as const,
    path: `${basePath}${path}`,
    headers,
    body: JSON.stringify(body),
  })
  return {
    name: 'GoTrue (Supabase Auth)',
    refreshDoes: 'rotates the refresh token, and answers a JWT and the person',
    passwordHash: 'bcrypt, cost 10',
    refresh: {
      ask: credential => post('/token?grant_type=refresh_token', { refresh_token: credential }),
      read: expectRotatedTokens,
    },
    signUp: {
      ask: ({ email, password }) => post('/signup', { email, password }),
      read: answer => void expectTokens(answer),
    },
    signIn: {
      ask: ({ email, password }) => post('/token?grant_type=password', { email, password }),
      read: expectTokens,
    },
  }
}
