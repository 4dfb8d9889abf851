import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { DATABASES, shiftClock } from '../support/database.ts'
import {
  confirmedAccount,
  newAddress,
  type SignedUp,
  send,
  signUp,
  startTestService,
  type TestService,
} from '../support/service.ts'
import { settled } from '../support/settled.ts'

const HOUR = 3_600 // seconds

for (const kind of DATABASES)
  describe(`what a stranger's tickets show, on ${kind}`, () => {
    let service: TestService
    before(async () => {
      service = await startTestService(kind)
    })
    after(() => service[Symbol.asyncDispose]())

    /** What the service may know of an address before the stranger comes. */
    const WORLDS: Record<string, (email: string) => Promise<void>> = {
      unknown: async () => {},
      'signed up with today': async email => {
        for (let count = 0; count < 7; count++) await signUp(service, { email })
      },
      'asked about today': async email => {
        for (let count = 0; count < 5; count++) {
          await requestLetter({ email })
          await settled(service)
        }
      },
      'confirmed 300 days ago': async email => {
        const { id } = await confirmedAccount(service, { email })
        await settled(service)
        await sql`update account set created_at = created_at - interval '300 days',
          confirmed_at = confirmed_at - interval '300 days' where id = ${id}`.execute(service.service.database)
        await sql`delete from confirmation_letter where account_id = ${id}`.execute(service.service.database)
      },
    }

    const requestLetter = (json: { email: string } | { ticket: string }) =>
      send(`${service.url}/v1/confirmation-letters`, { json })

    /** A stranger's sign-ups with one address, and when the letter of each was shown as sent. */
    type Attack = { email: string; tickets: SignedUp[]; sentAt: Map<string, string> }

    /** What the tickets show once nothing is under way. Times are told by their distance from the beginning. */
    function shownBy({ tickets, sentAt }: Attack, since: number) {
      return Promise.all(
        tickets.map(async ({ ticket }) => {
          const headers = { authorization: `Bearer ${ticket}` }
          const { status, body } = await send(`${service.url}/v1/confirmation`, { headers })
          const hours = (time: string | null) => time && Math.floor((Date.parse(time) - since) / (HOUR * 1_000))
          const isNew = body.sent_at !== sentAt.get(ticket)
          sentAt.set(ticket, body.sent_at)
          return `${status} ${body.state}${isNew ? ' anew' : ''} sent ${hours(body.sent_at)} expires ${hours(body.expires_at)}`
        }),
      )
    }

    type Step = number | ((attack: Attack) => Promise<unknown>)
    const byAddress: Step = ({ email }) => requestLetter({ email })
    const signUpAgain: Step = async ({ email, tickets }) => tickets.push(await signUp(service, { email }))
    const byTicket: Step = ({ tickets: [{ ticket } = { ticket: '' }] }) => requestLetter({ ticket })

    /** Numbers are seconds, to which the clock is set. */
    const SEQUENCES: Record<string, Step[]> = {
      'a request by address, then five sign-ups': [byAddress, ...Array(5).fill(signUpAgain)],
      'twelve sign-ups, each followed by a request by address': Array(12).fill([signUpAgain, byAddress]).flat(),
      'repeats by ticket among requests by address': [
        signUpAgain,
        ...[61, 62, 130, 200, 270, HOUR + 300, HOUR + 400].flatMap(at => [at, byAddress, byTicket]),
      ],
      'sign-ups over two days, as links expire': [1, 5, 30].flatMap(hours => [
        hours * HOUR,
        ...Array(4).fill(signUpAgain),
        byAddress,
        byTicket,
      ]),
    }

    for (const [name, steps] of Object.entries(SEQUENCES))
      test(`[R01] are the same whoever else has the address: ${name}`, async () => {
        const attacks = new Map(
          Object.keys(WORLDS).map(world => [world, { email: newAddress(), tickets: [], sentAt: new Map() } as Attack]),
        )
        const each = <T>(work: (attack: Attack, world: string) => Promise<T>) =>
          Promise.all([...attacks].map(([world, attack]) => work(attack, world)))
        await each(({ email }, world) => WORLDS[world]!(email))
        await settled(service)
        const since = Date.now()
        for (const [index, step] of steps.entries()) {
          if (typeof step === 'number') await shiftClock(service.service.database, step)
          else await each(step)
          await settled(service)
          const [unknown, ...others] = await each(attack => shownBy(attack, since))
          for (const [other, shown] of others.entries())
            assert.deepEqual(shown, unknown, `${Object.keys(WORLDS)[other + 1]}, step ${index + 1}`)
        }
        await shiftClock(service.service.database, 0)
      })
  })
