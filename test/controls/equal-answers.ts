import type { HttpConnections, Reply } from '../support/http-connections.ts'
import { newAddress, PASSWORD } from '../support/service.ts'
import type { ServicesOnPostgres } from '../support/services-on-postgres.ts'
import { confirmed, signUpWithLetter } from '../support/signed-in.ts'

type Ask = (email: string) => Promise<Reply>

/**
 * Asks every endpoint that takes an address about one that nobody has, one that is not confirmed and one that is.
 * @returns what differs between the answers: status, headers or body
 */
export async function unequalAnswers(
  services: Pick<ServicesOnPostgres, 'urls' | 'sink'>,
  http: HttpConnections,
): Promise<string[]> {
  const [url] = services.urls
  const addresses = {
    unknown: newAddress(),
    unconfirmed: (await signUpWithLetter(services, http)).email,
    confirmed: (await confirmed(services, http)).email,
  }
  const json = (path: string, fields = {}) => [path, asking(email => ({ json: { email, ...fields } }), path)] as const
  const form = (path: string) =>
    [`${path} (form)`, asking(email => ({ form: { email, password: 'another password' } }), path)] as const
  function asking(message: (email: string) => object, path: string): Ask {
    return email => http.post(url + path, { ...message(email), headers: { origin: url! } })
  }
  const questions = [
    json('/v1/sessions', { password: 'another password' }),
    json('/v1/confirmation-letters'),
    form('/sign-in'),
    form('/confirm/letter'),
    json('/v1/accounts', { password: PASSWORD }),
    form('/sign-up'),
  ]
  const differences: string[] = []
  for (const [name, ask] of questions) {
    const unknown = visible(await ask(addresses.unknown), addresses.unknown)
    for (const state of ['unconfirmed', 'confirmed'] as const) {
      const found = visible(await ask(addresses[state]), addresses[state])
      if (found !== unknown) differences.push(`${name} when ${state}:\n${found}\nwhen unknown:\n${unknown}`)
    }
  }
  return differences
}

/** An answer without what differs between any two: ids, times, tickets, and the address that was asked for. */
function visible({ status, headers, text }: Reply, email: string): string {
  const { date, 'x-request-id': id, 'content-length': length, ...rest } = headers
  return JSON.stringify({ status, headers: rest, text })
    .replaceAll(email, 'ADDRESS')
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replace(/authsvc_ct_[\w.-]+/g, 'TICKET')
}
