import { whole } from '../../../test/measuring/statistics.ts'
import { STORAGES } from '../../subjects/auth-service/storage.ts'
import { type Aim, type Bench, judge, type Measurement } from '../measurement.ts'
import { median, spread } from '../spread.ts'
import { type Delivered, type Delivery, measureDelivery } from './delivery.ts'

const EMAILS = 3_000
const CONNECTIONS = 50 // to the mail server
const DELAYS = [0, 200, 1_000] // milliseconds
const CLIENTS = 64
const WARM_UP = 2 // seconds of refreshes that are not counted
const DURATION = 8 // seconds of refreshes

const CASES = STORAGES.flatMap(storage => DELAYS.map((delay): Delivery => ({ storage, delay })))

/** How fast emails reach mail servers of different speeds, and what refreshes notice of it. */
export const letters: Measurement = {
  title: 'Emails',
  async measure(bench) {
    const count = bench.scaled(EMAILS)
    const found = new Map<Delivery, Delivered[]>(CASES.map(one => [one, []]))
    for (let round = 0; round < bench.rounds; round++)
      for (const one of CASES) found.get(one)!.push(await measureOne(one, count, bench))
    return {
      how:
        `The emails of ${count.toLocaleString('en')} sign-ups wait, as they do when the mail server was away. The service is ` +
        'started and hands them to an SMTP server on loopback that reads each, waits as long as the table tells and accepts ' +
        `it, with AUTH_SMTP_CONNECTIONS=${CONNECTIONS}. Emails a second count from the first that was accepted to the last, the ` +
        `time in which connections are added included, in ${bench.rounds} rounds; each email is checked to have arrived once. ` +
        `Then, on PostgreSQL, ${CLIENTS} clients refresh for ${bench.scaled(DURATION)} s after ${bench.scaled(WARM_UP)} s of ` +
        'warm-up, at first with no email to send and then while as many emails wait again.',
      tables: [
        {
          columns: ['database', 'each takes', 'emails/s', 'emails/s beside refreshes', 'refreshes/s', 'without emails'],
          rows: [...found].map(([one, rounds]) => rowOf(one, rounds)),
        },
      ],
      aims: [...found].flatMap(([{ storage, delay }, rounds]) =>
        storage === 'PostgreSQL' && delay === 0 ? [aimOf(rounds.map(({ emails }) => emails))] : [],
      ),
    }
  },
}

function rowOf({ storage, delay }: Delivery, rounds: readonly Delivered[]): string[] {
  const beside = rounds.flatMap(({ meanwhile }) => meanwhile ?? [])
  return [
    storage,
    `${delay} ms`,
    spread(rounds.map(({ emails }) => emails)),
    spread(beside.map(({ emails }) => emails)),
    spread(beside.map(({ refreshes }) => refreshes)),
    spread(beside.map(({ idleRefreshes }) => idleRefreshes)),
  ]
}

async function measureOne(one: Delivery, count: number, bench: Bench): Promise<Delivered> {
  const [warmUp, duration] = [bench.scaled(WARM_UP), bench.scaled(DURATION)]
  const load = { count, connections: CONNECTIONS, clients: CLIENTS, warmUp, duration }
  const found = await measureDelivery(one, load, bench)
  const { emails, meanwhile } = found
  bench.say(`${one.storage}, ${one.delay} ms: ${whole(emails)} emails/s`)
  if (meanwhile) {
    const { refreshes, idleRefreshes } = meanwhile
    bench.say(
      `  ${whole(meanwhile.emails)} beside ${whole(refreshes)} refreshes/s, without emails ${whole(idleRefreshes)}`,
    )
  }
  return found
}

function aimOf(rates: readonly number[]): Aim {
  return {
    what: 'emails a second to a local SMTP sink, PostgreSQL',
    atLeast: '300',
    aim: '1,000',
    found: spread(rates),
    verdict: judge(median(rates), { atLeast: 300, aim: 1_000 }),
  }
}
