import { inSeconds } from '../../test/measuring/statistics.ts'
import { COMMANDS, type Command, startService } from './service.ts'
import { newStorage, type Storage } from './storage.ts'
import type { Subject, SubjectNeeds } from './subject.ts'

const RUNS = 5

const CASES = [
  { name: 'embedded database, fresh data directory', storage: 'embedded', isFresh: true },
  { name: 'embedded database, existing data directory', storage: 'embedded', isFresh: false },
  { name: 'PostgreSQL, existing schema', storage: 'PostgreSQL', isFresh: false },
] as const
type Case = (typeof CASES)[number]

/** How long a start takes until the first request is answered. */
export const start: Subject = {
  title: 'Start',
  async measure(needs) {
    const runs = needs.scaled(RUNS)
    const commands = Object.keys(COMMANDS) as Command[]
    const rows = []
    for (const one of CASES) rows.push([one.name, ...(await measureCase(one, commands, runs, needs))])
    return {
      how:
        'From the command, with everything installed, to the first answer of `/livez`, which is asked for ' +
        `all the time. Each is the median of ${runs} starts after one that does not count, with the range.`,
      columns: ['', ...commands.map(command => `\`${command}\``)],
      rows,
    }
  },
}

async function measureCase(one: Case, commands: Command[], runs: number, needs: SubjectNeeds): Promise<string[]> {
  const cells = []
  await using kept = await newStorage(one.storage, needs)
  for (const command of commands) {
    const times = []
    for (let run = 0; run <= runs; run++) times.push(await timeOfStart(one, command, kept, needs))
    cells.push(inSeconds(times.slice(1)))
    needs.say(`${one.name}, ${command}: ${cells.at(-1)}`)
  }
  return cells
}

async function timeOfStart(one: Case, command: Command, kept: Storage, needs: SubjectNeeds): Promise<number> {
  await using fresh = one.isFresh ? await newStorage(one.storage, needs) : undefined
  await using service = await startService((fresh ?? kept).environment, command)
  return service.startTime
}
