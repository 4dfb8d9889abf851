import type { HttpConnections, Reply } from './http-connections.ts'
import { newAddress, PASSWORD } from './service.ts'
import type { ServicesOnPostgres } from './services-on-postgres.ts'
import { letterIn, tokenOf } from './sink-letters.ts'

export type Account = { id: string; email: string; ticket: string }

type Services = Pick<ServicesOnPostgres, 'urls' | 'sink'>

/** Signs up and takes the token out of the letter. */
export async function signUpWithLetter(
  { urls: [url], sink }: Services,
  http: HttpConnections,
): Promise<Account & { token: string }> {
  const email = newAddress()
  const { body } = expected(201, await http.post(`${url}/v1/accounts`, { json: { email, password: PASSWORD } }))
  const token = tokenOf(await letterIn(sink, email))
  sink.letters = sink.letters.filter(({ to }) => !to.includes(email)) // each look at a full sink would take longer
  return { id: body.id, email, ticket: body.confirmation.ticket, token }
}

export async function confirmed(services: Services, http: HttpConnections): Promise<Account> {
  const { token, ...account } = await signUpWithLetter(services, http)
  const json = { token, ticket: account.ticket }
  expected(200, await http.post(`${services.urls[0]}/v1/confirmations`, { json }))
  return account
}

/** @returns the refresh token of a new session of the account */
export async function signedIn({ urls: [url] }: Services, http: HttpConnections, email: string): Promise<string> {
  const json = { email, password: PASSWORD }
  return expected(201, await http.post(`${url}/v1/sessions`, { json })).body.refresh_token
}

export function refresh(http: HttpConnections, url: string, refreshToken: string): Promise<Reply> {
  return http.post(`${url}/oauth2/token`, { form: { grant_type: 'refresh_token', refresh_token: refreshToken } })
}

export function expected(status: number, reply: Reply): Reply {
  if (reply.status !== status) throw new Error(`${status} was expected. Found ${reply.status}: ${reply.text}`)
  return reply
}
