import type { HttpConnections } from '../support/http-connections.ts'
import { PASSWORD } from '../support/service.ts'
import type { ServicesOnPostgres } from '../support/services-on-postgres.ts'
import { signUpWithLetter } from '../support/signed-in.ts'

/** Whoever opens links without a person: scanners of mail servers, previews of chats, browsers that fetch ahead. */
const VISITS: { who: string; method?: string; headers: Record<string, string> }[] = [
  { who: 'a scanner that asks for the head first', method: 'HEAD', headers: {} },
  { who: 'a scanner that opens the link', headers: { 'user-agent': 'Mozilla/5.0 (compatible; link check)' } },
  { who: 'a preview', headers: { 'user-agent': 'preview/1.0', accept: 'text/html' } },
  { who: 'the own browser, which fetches ahead', headers: { 'sec-purpose': 'prefetch' } },
]

/** Has the link of a fresh letter opened by machines. @returns what that changed; nothing, as it should be */
export async function changesByScanners(
  services: Pick<ServicesOnPostgres, 'urls' | 'sink'>,
  http: HttpConnections,
): Promise<string[]> {
  const [url] = services.urls
  const { email, ticket, token } = await signUpWithLetter(services, http)
  const changes: string[] = []
  for (const { who, method, headers } of VISITS)
    for (const cookie of [{}, { cookie: `auth_ticket=${ticket}` }]) {
      const link = `${url}/confirm?token=${encodeURIComponent(token)}`
      const { status } = await http.get(link, { ...headers, ...cookie }, method)
      if (status !== 200) changes.push(`${who} was answered ${status}`)
      const { body } = await http.get(`${url}/v1/confirmation`, { authorization: `Bearer ${ticket}` })
      if (body.state !== 'sent') changes.push(`${who} made the state ${body.state}`)
    }
  const { status } = await http.post(`${url}/v1/sessions`, { json: { email, password: PASSWORD } })
  if (status !== 401) changes.push(`signing in was answered ${status}`)
  const confirming = await http.post(`${url}/v1/confirmations`, { json: { token, ticket } })
  if (confirming.status !== 200) changes.push(`the person's own confirmation was answered ${confirming.status}`)
  return changes
}
