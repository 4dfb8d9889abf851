import { sql } from 'kysely'
import type { HttpConnections } from '../support/http-connections.ts'
import { newAddress, PASSWORD } from '../support/service.ts'
import type { ServicesOnPostgres } from '../support/services-on-postgres.ts'
import { settled } from '../support/settled.ts'
import { confirmed } from '../support/signed-in.ts'

const SIGN_UPS = 5 // as many emails as an address gets in an hour

/**
 * Requests an email by address, signs up five times, and compares what the tickets show where the address is unknown and
 * where it was confirmed 300 days ago. Then once more after another request by address.
 * @returns what differs
 */
export async function unequalTickets(
  services: Pick<ServicesOnPostgres, 'urls' | 'sink' | 'database'>,
  http: HttpConnections,
): Promise<string[]> {
  const { database } = services
  const { email: known } = await confirmed(services, http)
  await settled({ service: services })
  await sql`update account set created_at = created_at - interval '300 days',
    confirmed_at = confirmed_at - interval '300 days' where email = ${known}`.execute(database)
  await sql`delete from confirmation_letter where address = ${known}`.execute(database)
  const expected = await statesOf(services, http, newAddress())
  const found = await statesOf(services, http, known)
  return expected
    .map((state, index) => ({ state, found: found[index] }))
    .filter(({ state, found }) => state !== found)
    .map(({ state, found }) => `confirmed: ${found}; unknown: ${state}`)
}

async function statesOf(
  services: Pick<ServicesOnPostgres, 'urls' | 'database'>,
  http: HttpConnections,
  email: string,
): Promise<string[]> {
  const [url] = services.urls
  const requestLetter = () => http.post(`${url}/v1/confirmation-letters`, { json: { email } })
  const statuses = (tickets: string[]) =>
    Promise.all(
      tickets.map(async ticket => {
        const { body } = await http.get(`${url}/v1/confirmation`, { authorization: `Bearer ${ticket}` })
        return body as { state: string; sent_at: string | null }
      }),
    )
  await requestLetter()
  await settled({ service: services })
  const tickets: string[] = []
  for (let count = 0; count < SIGN_UPS; count++) {
    const { body } = await http.post(`${url}/v1/accounts`, { json: { email, password: PASSWORD } })
    tickets.push(body.confirmation.ticket)
    await settled({ service: services })
  }
  const before = await statuses(tickets)
  await requestLetter()
  await settled({ service: services })
  const after = await statuses(tickets)
  return after.map(
    ({ state, sent_at }, index) =>
      `${before[index]!.state}, ${state}${sent_at === before[index]!.sent_at ? '' : ' anew'}`,
  )
}
