import { inSeconds, percentile } from '../../test/measuring/statistics.ts'
import { COMMANDS, type Command, startService } from '../subjects/auth-service/service-process.ts'
import { newStorage, type Storage } from '../subjects/auth-service/storage.ts'
import { type Aim, type Bench, judge, type Measurement } from './measurement.ts'

const RUNS = 5

const CASES = [
  { name: 'PostgreSQL, existing schema', storage: 'PostgreSQL', isFresh: false, atLeast: 0.8, aim: 0.4 },
  { name: 'embedded, existing data directory', storage: 'embedded', isFresh: false, atLeast: 1.2, aim: 0.8 },
  { name: 'embedded, fresh data directory', storage: 'embedded', isFresh: true, atLeast: 3, aim: 1.5 },
] as const // seconds
type Case = (typeof CASES)[number]

/** How long a start takes until the first request is answered. */
export const start: Measurement = {
  title: 'Start',
  async measure(bench) {
    const runs = bench.scaled(RUNS)
    const commands = Object.keys(COMMANDS) as Command[]
    const rows: string[][] = []
    const aims: Aim[] = []
    for (const one of CASES) {
      const times = await measureCase(one, commands, runs, bench)
      rows.push([one.name, ...commands.map(command => inSeconds(times[command]))])
      aims.push(aimOf(one, times['npm start']))
    }
    return {
      how:
        'From the command, with everything installed, to the first answer of `/livez`, which is asked for ' +
        'all the time; by npm, and by the command that npm runs alone. ' +
        `Each is the median of ${runs} starts after one that does not count, with the range.`,
      tables: [{ columns: ['', ...commands.map(command => `\`${command}\``)], rows }],
      aims,
    }
  },
}

type Times = Record<Command, number[]> // milliseconds

async function measureCase(one: Case, commands: Command[], runs: number, bench: Bench): Promise<Times> {
  await using kept = await newStorage(one.storage, bench)
  const times = Object.fromEntries(commands.map(command => [command, [] as number[]])) as Times
  for (const command of commands) {
    for (let run = 0; run <= runs; run++) {
      const time = await timeOfStart(one, command, kept, bench)
      if (run > 0) times[command].push(time)
    }
    bench.say(`${one.name}, ${command}: ${inSeconds(times[command])}`)
  }
  return times
}

async function timeOfStart(one: Case, command: Command, kept: Storage, bench: Bench): Promise<number> {
  await using fresh = one.isFresh ? await newStorage(one.storage, bench) : undefined
  await using service = await startService((fresh ?? kept).environment, command)
  return service.startTime
}

function aimOf({ name, atLeast, aim }: Case, times: number[]): Aim {
  const seconds = percentile(times, 0.5) / 1_000
  return {
    what: `installed \`npm start\` to the first answer, ${name}`,
    atLeast: `${atLeast} s`,
    aim: `${aim} s`,
    found: inSeconds(times),
    verdict: judge(seconds, { atLeast, aim }, (one, other) => one <= other),
  }
}
