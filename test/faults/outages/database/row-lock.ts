import pg from 'pg'
import { refreshTokens } from '../../../measuring/known-keys.ts'
import type { Experiment, Findings } from '../../../proof/experiment.ts'
import type { Alteration } from '../../../support/altered-source.ts'
import { openProxiedService } from './proxied-service.ts'

const SESSIONS = 12
const LONGEST_RESPONSE = 5_000 // milliseconds

export const rowLock: Experiment = {
  id: 'F24',
  title: 'Another transaction keeps a session locked',
  claim:
    'While a transaction keeps the row of one session locked, all others refresh; its own refresh is answered with 503 ' +
    'within 5 seconds and never with invalid_grant, and its token is good afterwards.',
  command: 'prove',
  proves: ['R86'],
  trials: { short: SESSIONS * 2, full: SESSIONS * 50 },
  run: ({ trials, postgresUrl, progress }) => lockRows({ trials, postgresUrl, progress }),
}

type Locks = { trials: number; postgresUrl: string; progress?: (done: number) => void; alterations?: Alteration[] }

/** Locks one session after the other. @param locks.alterations of the service, which is to break the claim */
export async function lockRows({ trials, postgresUrl, progress, alterations = [] }: Locks): Promise<Findings> {
  await using service = await openProxiedService(postgresUrl, { sessions: SESSIONS, alterations })
  const { databaseUrl, tokens, refresh } = service
  const others: (number | 'none')[] = []
  const own: (number | 'none')[] = []
  const afterwards: (number | 'none')[] = []
  const locker = new pg.Client({ connectionString: databaseUrl })
  await locker.connect()
  try {
    for (let locked = 0; others.length + own.length < trials; locked = (locked + 1) % SESSIONS) {
      const { sessionId } = (await refreshTokens.open(tokens[locked]!))!
      await locker.query('begin')
      await locker.query('select 1 from session where id = $1 for update', [sessionId])
      const answers = await Promise.all(tokens.map((_, index) => refresh(index, LONGEST_RESPONSE)))
      own.push(answers[locked]!)
      others.push(...answers.filter((_, index) => index !== locked))
      await locker.query('rollback')
      afterwards.push(await refresh(locked, LONGEST_RESPONSE))
      progress?.(Math.min(others.length + own.length, trials))
    }
  } finally {
    await locker.end()
  }
  const except = (answers: (number | 'none')[], status: number) => answers.filter(answer => answer !== status).length
  return {
    trials: others.length + own.length,
    unit: 'requests',
    counted: [
      {
        what: 'refreshes of other sessions that did not succeed meanwhile',
        count: except(others, 200),
        of: others.length,
      },
      {
        what: 'refreshes of the locked session not answered with 503 in time',
        count: except(own, 503),
        of: own.length,
      },
      { what: 'tokens that were no good afterwards', count: except(afterwards, 200), of: afterwards.length },
    ],
    measured: [],
  }
}
