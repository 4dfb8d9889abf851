import pg from 'pg'

/** Waits until a transaction of the database waits for a lock, or `other` has ended without. */
export async function untilWaitingOrDone(databaseUrl: string, other: Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  let isDone = false
  const end = () => {
    isDone = true
  }
  void other.then(end, end)
  while (!isDone) {
    const { rows } = await client.query(
      "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    )
    if (rows.length > 0) break
  }
  await client.end()
}
