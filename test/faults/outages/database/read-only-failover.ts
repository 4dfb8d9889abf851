import pg from 'pg'
import type { Experiment, Findings } from '../../../proof/experiment.ts'
import type { Alteration } from '../../../support/altered-source.ts'
import { startPostgres } from '../../../support/postgres.ts'
import { holdsWithin } from '../waiting.ts'
import { openProxiedService } from './proxied-service.ts'

const SESSIONS = 10

export const readOnlyFailover: Experiment = {
  id: 'F23',
  title: 'Connections that survive a failover lead to a read-only server',
  claim:
    'Whoever refreshes while connections lead to a server that accepts no writes gets 503 at the worst and is signed in ' +
    'within 10 seconds, as soon as new connections lead to one that does.',
  command: 'prove',
  proves: ['R86'],
  trials: { short: SESSIONS * 2, full: SESSIONS * 50 },
  run: ({ trials, progress }) => failOver({ trials, progress }),
}

type Failover = { trials: number; progress?: (done: number) => void; alterations?: Alteration[] }

/**
 * Makes the sessions that there are read-only, and none that is made afterwards, on a server that nobody else uses.
 * @param failover.alterations of the service, which is to break the claim
 */
export async function failOver({ trials, progress, alterations = [] }: Failover): Promise<Findings> {
  await using postgres = await startPostgres()
  const statuses: (number | 'none')[] = []
  let without = 0
  let failovers = 0
  for (; statuses.length < trials; failovers++) {
    await using service = await openProxiedService(postgres.url, { sessions: SESSIONS, alterations })
    const { databaseUrl, tokens, refresh } = service
    const everybody = async () => {
      const answers = await Promise.all(tokens.map((_, index) => refresh(index, 5_000)))
      statuses.push(...answers)
      return answers.every(status => status === 200)
    }
    await everybody()
    const name = new URL(databaseUrl).pathname.slice(1)
    await using before = await connectTo(new URL(name, postgres.url).href)
    await administer(
      postgres.url,
      'alter system set default_transaction_read_only = on',
      `alter database ${name} set default_transaction_read_only = off`,
      'select pg_reload_conf()',
    )
    // PostgreSQL tells its sessions some time after it was asked to.
    if (!(await holdsWithin(10, before.isReadOnly))) throw new Error('a session was not read-only after 10 s')
    if (!(await holdsWithin(10, everybody))) without++
    await administer(postgres.url, 'alter system reset default_transaction_read_only', 'select pg_reload_conf()')
    progress?.(Math.min(statuses.length, trials))
  }
  const of = statuses.length
  return {
    trials: of,
    unit: 'requests',
    counted: [
      { what: 'answers other than success and 503', count: statuses.filter(s => s !== 200 && s !== 503).length, of },
      { what: 'failovers after which not everybody was signed in within 10 s', count: without, of: failovers },
    ],
    measured: [],
    remarks: [`Failovers: ${failovers}.`],
  }
}

async function connectTo(url: string) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return {
    async isReadOnly(): Promise<boolean> {
      const { rows } = await client.query(`select current_setting('default_transaction_read_only') as "isOn"`)
      return rows[0].isOn === 'on'
    },
    [Symbol.asyncDispose]: () => client.end(),
  }
}

async function administer(url: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  for (const statement of statements) await client.query(statement)
  await client.end()
}
