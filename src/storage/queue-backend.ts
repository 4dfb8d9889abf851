import { type ConstructorOptions, fromPglite, type PgBoss } from 'pg-boss'
import type { OnMissedDeadline } from './bounded-client.ts'
import { refuseInsideTransaction } from './database.ts'
import { postgresConnections } from './postgres.ts'

/** Where the jobs lie: PostgreSQL, on connections of the queue's own, or the embedded database. */
export type QueueBackend = { postgresUrl: string; isPooled: boolean } | { pglite: Parameters<typeof fromPglite>[0] }

const LONGEST_QUERY = 10_000 // milliseconds, after which the connection is given up

/**
 * The queue's own connections do not prepare statements (`PreparingClient`): with it, a service hung when it was started
 * after a kill, for a reason that is not known. It would save little: sending and completing run on connections that do
 * prepare, and pg-boss writes the numbers of a fetch into its text.
 *
 * @param options.isMigrating opened to make or upgrade its tables, without limit of time
 */
export function backendOptions(
  backend: QueueBackend,
  { isMigrating, onMissedDeadline }: { isMigrating: boolean; onMissedDeadline: OnMissedDeadline },
) {
  if ('postgresUrl' in backend)
    return {
      ...postgresConnections(backend.postgresUrl, isMigrating ? 0 : LONGEST_QUERY, {
        work: 'background',
        onMissedDeadline,
      }),
      max: 4,
      // Behind a pooler a connection that listens loses its session after each transaction.
      useListenNotify: !backend.isPooled,
    }
  const inner = fromPglite(backend.pglite)
  const db: NonNullable<ConstructorOptions['db']> = {
    ...inner,
    executeSql: (text, values) => {
      refuseInsideTransaction()
      return inner.executeSql(text, values)
    },
  }
  return { db, backend: 'pglite' as const, useListenNotify: true }
}

/**
 * What pg-boss hears of new messages it tells its own workers alone.
 * @param hear is told the queue's name; none when anything may have been missed
 */
export function overhear(boss: PgBoss, hear: (name?: string) => void): void {
  const db: NonNullable<ConstructorOptions['db']> = boss.getDb()
  const listen = db.listen?.bind(db)
  if (!listen) return
  db.listen = (channel, onNotification, onReconnect) =>
    listen(
      channel,
      name => {
        onNotification(name)
        hear(name)
      },
      () => {
        onReconnect()
        hear()
      },
    )
}
