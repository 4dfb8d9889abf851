import type { Adapter } from './adapter.ts'

const JSON_HEADERS = { 'content-type': 'application/json' }
const FORM_HEADERS = { 'content-type': 'application/x-www-form-urlencoded' }

/**
 * This service, as `openapi.json` describes it.
 *
 * Set up, where it runs already: `AUTH_RATE_LIMITS=off`, since all requests come from one network, and `AUTH_SMTP_URL`
 * with a mail server that drops what it gets. `--setting auth-service.databaseUrl=postgres://…` lets the accounts of people
 * who sign up be confirmed in its database, for which only a link in an email would do; without it, sessions come from
 * `--credentials`, and sign-ins are left out.
 */
export function authService(): Adapter {
  return {
    name: 'this service',
    refreshDoes: 'rotates the refresh token, and answers a JWT',
    passwordHash: 'argon2id, 19 MiB, 2 passes',
    refresh: {
      ask: credential => ({
        method: 'POST',
        path: '/oauth2/token',
        headers: FORM_HEADERS,
        body: `grant_type=refresh_token&refresh_token=${credential}`,
      }),
      read: ({ status, body }, credential) => {
        const { access_token, refresh_token } = status === 200 ? JSON.parse(body) : {}
        if (typeof access_token !== 'string' || typeof refresh_token !== 'string' || refresh_token === credential)
          throw new Error(`an exchange answered ${status}: ${body}`)
        return refresh_token
      },
    },
    signUp: {
      ask: person => ({ method: 'POST', path: '/v1/accounts', headers: JSON_HEADERS, body: JSON.stringify(person) }),
      read: ({ status, body }) => {
        if (status !== 201) throw new Error(`a sign-up answered ${status}: ${body}`)
      },
    },
    signIn: {
      ask: person => ({ method: 'POST', path: '/v1/sessions', headers: JSON_HEADERS, body: JSON.stringify(person) }),
      read: ({ status, body }) => {
        const { refresh_token } = status === 201 ? JSON.parse(body) : {}
        if (typeof refresh_token !== 'string') throw new Error(`a sign-in answered ${status}: ${body}`)
        return refresh_token
      },
    },
    confirm: {
      ask: confirmation => ({
        method: 'POST',
        path: '/v1/confirmations',
        headers: JSON_HEADERS,
        body: JSON.stringify(confirmation),
      }),
      read: ({ status, body }) => {
        if (status !== 200) throw new Error(`a confirmation answered ${status}: ${body}`)
      },
    },
  }
}
