import { join } from 'node:path'
import { confirmedAccount } from '../../test/measuring/accounts.ts'
import { startHelper } from '../../test/measuring/helper-process.ts'
import { percentile, whole } from '../../test/measuring/statistics.ts'
import { signIn } from '../../test/support/service.ts'
import type { LoadResult, RefreshesLoad } from './load.ts'
import { startService } from './service.ts'
import { newStorage, STORAGES, type StorageKind } from './storage.ts'
import type { Subject, SubjectNeeds } from './subject.ts'

const SESSIONS = 64
const CLIENTS = [16, 64]
const WARM_UP = 3 // seconds
const DURATION = 10 // seconds

/** How fast refresh tokens are exchanged. */
export const refreshes: Subject = {
  title: 'Refreshes',
  async measure(needs) {
    const rows = []
    for (const kind of STORAGES) rows.push(...(await measureStorage(kind, needs)))
    return {
      how:
        `${SESSIONS} sessions of one account are shared out among the clients, each of which exchanges a refresh token ` +
        'at `POST /oauth2/token` over a connection of its own, checks the answer and goes on with the successor. ' +
        `Counted for ${needs.scaled(DURATION)} s after ${needs.scaled(WARM_UP)} s of warm-up; every commit is synced to ` +
        'the disk.',
      columns: ['database', 'clients', 'refreshes/s', 'p50', 'p99'],
      rows,
    }
  },
}

async function measureStorage(kind: StorageKind, needs: SubjectNeeds): Promise<string[][]> {
  await using storage = await newStorage(kind, needs)
  await using service = await startService(storage.environment)
  const account = await confirmedAccount(service)
  let tokens: string[] = []
  while (tokens.length < SESSIONS) tokens.push(await signIn(service, account)) // hashing has few lanes
  const rows = []
  for (const concurrency of CLIENTS) {
    await using load = startHelper<RefreshesLoad, LoadResult>(join(import.meta.dirname, 'load.ts'))
    const times = { warmUp: needs.scaled(WARM_UP), duration: needs.scaled(DURATION) }
    const result = await load.ask({ kind: 'refreshes', url: service.url, concurrency, tokens, ...times })
    tokens = result.tokens
    const rate = whole(result.latencies.length / result.duration)
    const [p50, p99] = [0.5, 0.99].map(share => `${percentile(result.latencies, share).toFixed(1)} ms`)
    rows.push([kind, String(concurrency), rate, p50!, p99!])
    needs.say(`${kind}, ${concurrency} clients: ${rate} refreshes/s, p50 ${p50}, p99 ${p99}`)
  }
  return rows
}
