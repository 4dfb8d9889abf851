import { setTimeout as pause } from 'node:timers/promises'
import { whole } from '../../test/measuring/statistics.ts'
import { signUp } from '../../test/support/service.ts'
import { residentMemory } from '../meters/memory.ts'
import { processTree } from '../meters/processor.ts'
import { startService } from '../subjects/auth-service/service-process.ts'
import { newStorage } from '../subjects/auth-service/storage.ts'
import { type Aim, type Bench, judge, type Measurement } from './measurement.ts'

const IDLE = 10 // seconds
const SIGN_UPS = 100
const AT_ONCE = 4

// Making a database takes memory too, which the process does not give back at once.
const CASES = [
  { name: 'PostgreSQL, an outside mail server', storage: 'PostgreSQL', isFresh: false, atLeast: 120, aim: 80 },
  { name: 'embedded, existing data directory', storage: 'embedded', isFresh: false, atLeast: 400, aim: 250 },
  { name: 'embedded, fresh data directory', storage: 'embedded', isFresh: true },
] as const // MiB
type Case = (typeof CASES)[number]

type Found = { atStart: number; afterSignUps: number; peak: number } // MiB

/** How much memory the service's process keeps resident when it has nothing to do. */
export const memory: Measurement = {
  title: 'Memory',
  async measure(bench) {
    const idle = bench.scaled(IDLE)
    const signUps = bench.scaled(SIGN_UPS)
    const found = new Map<Case, Found>()
    for (const one of CASES) found.set(one, await measureCase(one, { idle, signUps }, bench))
    return {
      how:
        'What the process of `npm start` holds resident (`VmRSS`), the embedded database and mailbox included and a ' +
        `PostgreSQL server not, ${idle} s after the start and ${idle} s after ${signUps} sign-ups, ${AT_ONCE} at a ` +
        'time. The peak (`VmHWM`) is from the start on; one run.',
      tables: [
        {
          columns: ['', 'after the start', `after ${signUps} sign-ups`, 'peak'],
          rows: [...found].map(([{ name }, { atStart, afterSignUps, peak }]) => [
            name,
            ...[atStart, afterSignUps, peak].map(value => `${whole(value)} MiB`),
          ]),
        },
      ],
      aims: [...found].flatMap(([one, { atStart }]) => aimOf(one, atStart)),
    }
  },
}

async function measureCase(
  one: Case,
  { idle, signUps }: { idle: number; signUps: number },
  bench: Bench,
): Promise<Found> {
  await using storage = await newStorage(one.storage, bench)
  const environment = {
    ...storage.environment,
    AUTH_RATE_LIMITS: 'off',
    ...(one.storage === 'PostgreSQL' && { AUTH_SMTP_URL: bench.smtpUrl }),
  }
  if (!one.isFresh) await (await startService(environment, 'npm start'))[Symbol.asyncDispose]()
  await using service = await startService(environment, 'npm start')
  await pause(idle * 1_000)
  const atStart = memoryOf(service.pid, 'VmRSS')
  let left = signUps
  const signUpInTurn = async () => {
    while (left-- > 0) await signUp(service)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, signUpInTurn))
  await pause(idle * 1_000)
  const found = { atStart, afterSignUps: memoryOf(service.pid, 'VmRSS'), peak: memoryOf(service.pid, 'VmHWM') }
  bench.say(`${one.name}: ${Object.values(found).map(whole).join(', ')} MiB`)
  return found
}

/** Of the service itself, which npm has started; npm stays beside it. */
const memoryOf = (root: number, field: 'VmRSS' | 'VmHWM') => residentMemory(processTree(root).at(-1)!, field)

function aimOf(one: Case, found: number): Aim[] {
  if (!('aim' in one)) return []
  const { name, atLeast, aim } = one
  return [
    {
      what: `resident memory idle, ${name}`,
      atLeast: `${atLeast} MB`,
      aim: `${aim} MB`,
      found: `${whole(found)} MiB`,
      verdict: judge(found * 1.048576, { atLeast, aim }, (smaller, larger) => smaller <= larger),
    },
  ]
}
