import type { Adapter, Answer, Credential, Person } from './adapter.ts'

/** The origin of the application whose people sign in; better-auth refuses those of others. */
export const APPLICATION = 'https://app.example.com'
/** The public client of the refresh grant. */
export const OAUTH_CLIENT_ID = 'bench'

const JSON_HEADERS = { 'content-type': 'application/json', origin: APPLICATION }
const FORM_HEADERS = { 'content-type': 'application/x-www-form-urlencoded' }
const SESSION_COOKIE = 'better-auth.session_token='
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/

/** better-auth with its JWT plugin: a session is a cookie, which stays the same. */
export function betterAuthSession(): Adapter {
  return {
    name: 'better-auth, session to JWT',
    refreshDoes: 'looks the session of the cookie up, and answers a JWT; the cookie stays the same',
    passwordHash: 'scrypt, 32 MiB',
    refresh: {
      ask: cookie => ({ method: 'GET', path: '/api/auth/token', headers: { cookie } }),
      read: ({ status, body }, cookie) => {
        const { token } = status === 200 ? JSON.parse(body) : {}
        if (!isJwt(token)) throw new Error(`an exchange answered ${status}: ${body}`)
        return cookie
      },
    },
    signUp: {
      ask: person => ({
        ...post('/api/auth/sign-up/email'),
        body: JSON.stringify({ ...person, name: nameOf(person) }),
      }),
      read: ({ status, body }) => {
        if (status !== 200) throw new Error(`a sign-up answered ${status}: ${body}`)
      },
    },
    signIn: {
      ask: person => ({ ...post('/api/auth/sign-in/email'), body: JSON.stringify(person) }),
      read: answer => {
        const cookie = answer.status === 200 ? sessionCookie(answer) : undefined
        if (!cookie) throw new Error(`a sign-in answered ${answer.status}: ${answer.body}`)
        return cookie
      },
    },
    confirm: {
      ask: ({ token }) => ({ method: 'GET', path: `/api/auth/verify-email?token=${token}`, headers: {} }),
      read: ({ status, body }) => {
        if (status !== 200 || JSON.parse(body).status !== true)
          throw new Error(`a confirmation answered ${status}: ${body}`)
      },
    },
  }
}

/** better-auth with its OAuth provider plugin. Its sign-up and sign-in are those of {@link betterAuthSession}. */
export function betterAuthOAuth(): Adapter {
  return {
    name: 'better-auth, refresh grant',
    refreshDoes: 'rotates the refresh token, and answers a JWT',
    refresh: {
      ask: refreshToken => ({
        method: 'POST',
        path: '/api/auth/oauth2/token',
        headers: FORM_HEADERS,
        body: `grant_type=refresh_token&client_id=${OAUTH_CLIENT_ID}&refresh_token=${refreshToken}`,
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

const post = (path: string) => ({ method: 'POST' as const, path, headers: JSON_HEADERS })

const nameOf = ({ email }: Person) => email.slice(0, email.indexOf('@'))

/** Without a resource, the OAuth provider answers an opaque access token. */
const isJwt = (token: unknown) => typeof token === 'string' && JWT.test(token)

/** What a client sends back: the name and the value, without the attributes. */
function sessionCookie({ headers }: Answer): Credential | undefined {
  const cookies = [headers['set-cookie'] ?? []].flat()
  return cookies.find(cookie => cookie.startsWith(SESSION_COOKIE))?.split(';', 1)[0]
}
