import type { Adapter, Answer, Credential } from './adapter.ts'
import { expectJson, expectJwt, refuse } from './expect.ts'

export type KratosSettings = {
  /** A key of `session.whoami.tokenizer.templates`. Without it no JWT is made, and the session alone is looked up. */
  template?: string
}

/**
 * Ory Kratos, at its public port. It has no refresh tokens: a session token stays, and is exchanged for a JWT.
 *
 * Shapes: https://www.ory.sh/docs/identities/session-to-jwt-cors; `session/handler.go` (`whoami`), `session.go` and
 * `tokenizer.go` of https://github.com/ory/kratos; `toSession` of `@ory/kratos-client` 26.2.0.
 *
 * Set up: under `session.whoami.tokenizer.templates`, a template with `jwks_url` and `ttl`; without a
 * `claims_mapper_url`, which would run Jsonnet for each JWT. A `session.lifespan` longer than the load.
 *
 * First credentials: a native flow takes two requests, so there is no `signUp` or `signIn`. `GET
 * /self-service/login/api` answers a flow; then `POST /self-service/login?flow=<its id>` with `{"method": "password",
 * "identifier", "password"}` answers the credential as `session_token`. Registration goes the same way with
 * `{"method": "password", "password", "traits"}`, and answers a session token only with the hook `session` configured
 * after it. `POST /admin/identities` makes people in one request, but at the admin port, which is another origin.
 */
export function kratos({ template }: KratosSettings = {}): Adapter {
  const query = template === undefined ? '' : `?tokenize_as=${encodeURIComponent(template)}`
  return {
    name: 'Ory Kratos',
    refreshDoes:
      template === undefined
        ? 'looks the session up and answers it, without a JWT and without rotation'
        : 'answers the session and a JWT, without rotation',
    refresh: {
      ask: credential => ({
        method: 'GET',
        path: `/sessions/whoami${query}`,
        headers: { 'x-session-token': credential },
      }),
      read: (answer, credential) => readSession(answer, credential, template !== undefined),
    },
  }
}

function readSession(answer: Answer, credential: Credential, isTokenized: boolean): Credential {
  const session = expectJson(answer, 200)
  if (session.fields.active !== true) return refuse(answer, 'an active session')
  if (isTokenized) expectJwt(session, 'tokenized')
  return credential
}
