import { setTimeout as pause } from 'node:timers/promises'
import type { Experiment, Findings } from '../../../proof/experiment.ts'
import type { Alteration } from '../../../support/altered-source.ts'
import { newAddress, PASSWORD, send } from '../../../support/service.ts'
import { lettersIn } from '../../../support/sink-letters.ts'
import { holdsWithin } from '../waiting.ts'
import { openProxiedService } from './proxied-service.ts'

const LONGEST_RESPONSE = 5_000 // milliseconds; it is the promise itself
const HOLE = 12 // requests in each silence, a quarter of a second apart

export const blackhole: Experiment = {
  id: 'F22',
  title: 'The database host is lost without a word',
  claim:
    'While the database host is silent, each request is answered with 503 within 5 seconds; once it is reachable, ' +
    'requests succeed within 10 seconds, with the tokens of before, and emails leave within 30.',
  command: 'prove',
  proves: ['R86'],
  trials: { short: HOLE * 2, full: HOLE * 40 },
  run: ({ trials, postgresUrl, progress }) => fallSilent({ trials, postgresUrl, progress }),
}

type Silence = { trials: number; postgresUrl: string; progress?: (done: number) => void; alterations?: Alteration[] }

/** Lets the database fall silent again and again. @param silence.alterations of the service, which is to break the claim */
export async function fallSilent({ trials, postgresUrl, progress, alterations = [] }: Silence): Promise<Findings> {
  await using service = await openProxiedService(postgresUrl, { sessions: HOLE, alterations })
  const { url, proxy, sink, refresh } = service
  const everybody = () => Promise.all(service.tokens.map((_, index) => refresh(index, LONGEST_RESPONSE)))
  const statuses: (number | 'none')[] = []
  const silences: { refreshes: boolean; email: boolean; isEverybodySignedIn: boolean }[] = []
  await everybody()
  while (statuses.length < trials) {
    proxy.fallSilent()
    const asked: Promise<number | 'none'>[] = []
    for (let index = 0; index < HOLE; index++) {
      asked.push(refresh(index, LONGEST_RESPONSE))
      await pause(250)
    }
    statuses.push(...(await Promise.all(asked)))
    proxy.hear()
    const refreshes = await holdsWithin(10, async () => (await refresh(0, LONGEST_RESPONSE)) === 200)
    if (!refreshes) {
      silences.push({ refreshes, email: false, isEverybodySignedIn: false })
      break // a service that does not come back has no more to show
    }
    const isEverybodySignedIn = (await everybody()).every(status => status === 200)
    const email = newAddress()
    const signUp = async () => {
      const signal = AbortSignal.timeout(LONGEST_RESPONSE)
      const request = { json: { email, password: PASSWORD }, signal }
      return (await send(`${url}/v1/accounts`, request).catch(() => undefined))?.status === 201
    }
    const isSent =
      (await holdsWithin(10, signUp)) && (await holdsWithin(30, async () => (await lettersIn(sink, email)).length > 0))
    silences.push({ refreshes, email: isSent, isEverybodySignedIn })
    progress?.(statuses.length)
  }
  const of = statuses.length
  const without = (key: keyof (typeof silences)[number]) => silences.filter(silence => !silence[key]).length
  return {
    trials: of,
    unit: 'requests',
    counted: [
      { what: 'requests without an answer within 5 s', count: statuses.filter(status => status === 'none').length, of },
      {
        what: 'answers other than 503',
        count: statuses.filter(status => status !== 503 && status !== 'none').length,
        of,
      },
      {
        what: 'silences after which no refresh succeeded within 10 s',
        count: without('refreshes'),
        of: silences.length,
      },
      { what: 'silences that signed somebody out', count: without('isEverybodySignedIn'), of: silences.length },
      { what: 'silences after which no email left within 30 s', count: without('email'), of: silences.length },
    ],
    measured: [],
    remarks: [
      `${silences.length} silences, in which connections stay open and nothing comes back, not even afterwards.`,
    ],
  }
}
