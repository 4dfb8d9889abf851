import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { whole } from '../../test/measuring/statistics.ts'
import { signUp } from '../../test/support/service.ts'
import { type ServiceProcess, startService } from './service.ts'
import { newStorage } from './storage.ts'
import type { Subject, SubjectNeeds } from './subject.ts'

const IDLE = 10 // seconds
const SIGN_UPS = 100
const AT_ONCE = 4

// Making a database takes memory too, which the process does not give back at once.
const CASES = [
  { name: 'embedded database, fresh data directory', storage: 'embedded', isFresh: true },
  { name: 'embedded database, existing data directory', storage: 'embedded', isFresh: false },
  { name: 'PostgreSQL', storage: 'PostgreSQL', isFresh: false },
] as const
type Case = (typeof CASES)[number]

/** How much memory the service's process keeps resident when it has nothing to do. */
export const memory: Subject = {
  title: 'Memory',
  async measure(needs) {
    const idle = needs.scaled(IDLE)
    const signUps = needs.scaled(SIGN_UPS)
    const rows = []
    for (const one of CASES) rows.push([one.name, ...(await measureCase(one, { idle, signUps }, needs))])
    return {
      how:
        'What the process holds resident (`VmRSS`), the embedded database and mailbox included and a PostgreSQL server ' +
        `not, ${idle} s after the start and ${idle} s after ${signUps} sign-ups, ${AT_ONCE} at a time. ` +
        'The peak (`VmHWM`) is from the start on; one run.',
      columns: ['', 'after the start', `after ${signUps} sign-ups`, 'peak'],
      rows,
    }
  },
}

async function measureCase(
  one: Case,
  { idle, signUps }: { idle: number; signUps: number },
  needs: SubjectNeeds,
): Promise<string[]> {
  await using storage = await newStorage(one.storage, needs)
  if (!one.isFresh) await (await startService(storage.environment))[Symbol.asyncDispose]()
  await using service = await startService(storage.environment)
  await pause(idle * 1_000)
  const atStart = memoryOf(service, 'VmRSS')
  let left = signUps
  const signUpInTurn = async () => {
    while (left-- > 0) await signUp(service)
  }
  const began = performance.now()
  await Promise.all(Array.from({ length: AT_ONCE }, signUpInTurn))
  const seconds = (performance.now() - began) / 1_000
  await pause(idle * 1_000)
  const cells = [atStart, memoryOf(service, 'VmRSS'), memoryOf(service, 'VmHWM')]
  needs.say(`${one.name}: ${cells.join(', ')}; ${signUps} sign-ups took ${seconds.toFixed(1)} s`)
  return cells
}

function memoryOf({ pid }: ServiceProcess, field: 'VmRSS' | 'VmHWM'): string {
  const file = `/proc/${pid}/status`
  const [, kibibytes] =
    (existsSync(file) && new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(file, 'utf8'))) || []
  return kibibytes === undefined ? 'not measured' : `${whole(Number(kibibytes) / 1_024)} MiB`
}
