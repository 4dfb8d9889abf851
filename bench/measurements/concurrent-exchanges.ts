import type { Adapter, Answer, Credential } from '../adapters/adapter.ts'
import { adapterOf } from '../adapters/by-name.ts'
import { Connection } from '../load/connection.ts'
import { inTurn, type Started } from './in-turn.ts'
import type { Bench, Measurement } from './measurement.ts'
import { spread } from './spread.ts'

const AT_ONCE = 20
const SESSIONS = 5

/** What came of one credential that was exchanged many times at once. */
export type Exchanged = {
  succeeded: number
  /** Different credentials that came back. */
  distinct: number
  /** What the session goes on with; undefined when it has ended. */
  goesOnWith: Credential | undefined
}

/** What becomes of a session when a client exchanges one credential several times at once, as browser tabs do. */
export const concurrentExchanges: Measurement = {
  title: 'Concurrent exchanges of one credential',
  async measure(bench) {
    const subjects = bench.subjects.filter(({ name }) => name !== 'ceiling') // which forgets what it has seen
    const found = await inTurn(bench, subjects, started => measureSubject(started, bench))
    return {
      how:
        `${AT_ONCE} clients exchange one credential at once, each over a connection of its own, as several tabs or the ` +
        `retries of a bad network do; ${SESSIONS} sessions one after the other, in ${bench.rounds} rounds. An exchange ` +
        'succeeds when its answer has an access token and, where the service rotates, a new refresh token. A session goes ' +
        'on when one of the credentials that came back can be exchanged afterwards.',
      tables: [
        {
          columns: ['', 'its refresh', `succeed of ${AT_ONCE}`, 'different credentials', 'sessions that go on'],
          rows: [...found].map(([{ name, adapter }, rounds]) => {
            const all = rounds.flat()
            const goOn = all.filter(({ goesOnWith }) => goesOnWith !== undefined).length
            const [succeeded, distinct] = (['succeeded', 'distinct'] as const).map(key =>
              spread(all.map(one => one[key])),
            )
            return [name, adapterOf(adapter).refreshDoes, succeeded!, distinct!, `${goOn} of ${all.length}`]
          }),
        },
      ],
    }
  },
}

async function measureSubject({ subject, running }: Started, bench: Bench): Promise<Exchanged[]> {
  await using opened = new AsyncDisposableStack()
  const connections = Array.from({ length: AT_ONCE }, () => opened.use(new Connection(running.url)))
  const adapter = adapterOf(subject.adapter)
  const found: Exchanged[] = []
  for (const credential of await running.openSessions(SESSIONS))
    found.push(await exchangeAtOnce(adapter, connections, credential))
  running.keepSessions?.(found.flatMap(({ goesOnWith }) => goesOnWith ?? []))
  for (const { succeeded, distinct, goesOnWith } of found) {
    const end = goesOnWith === undefined ? 'has ended' : 'goes on'
    bench.say(`${subject.name}: ${succeeded} of ${AT_ONCE} succeed, ${distinct} different, the session ${end}`)
  }
  return found
}

/** Exchanges a credential over all connections at once, and then looks whether its session still goes on. */
export async function exchangeAtOnce(
  { refresh }: Pick<Adapter, 'refresh'>,
  connections: readonly Pick<Connection, 'send'>[],
  credential: Credential,
): Promise<Exchanged> {
  const successor = (answer: Answer, exchanged: Credential): Credential | undefined => {
    try {
      return refresh.read(answer, exchanged)
    } catch {
      return undefined // refused, as a service may
    }
  }
  const answers = await Promise.all(connections.map(connection => connection.send(refresh.ask(credential))))
  const successors = answers.map(answer => successor(answer, credential)).filter(one => one !== undefined)
  const distinct = new Set(successors)
  let goesOnWith: Credential | undefined
  for (const one of distinct) {
    goesOnWith = successor(await connections[0]!.send(refresh.ask(one)), one)
    if (goesOnWith !== undefined) break
  }
  return { succeeded: successors.length, distinct: distinct.size, goesOnWith }
}
