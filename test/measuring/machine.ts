import { execFileSync } from 'node:child_process'
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { availableParallelism, cpus, totalmem, type } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { isInMemory, newDirectory } from './directory.ts'
import { percentile } from './statistics.ts'

/** What the figures depend on, by name. */
export async function describeMachine(postgresVersion: string): Promise<[name: string, value: string][]> {
  const models = new Set(cpus().map(({ model }) => model.trim()))
  return [
    ['date', new Date().toISOString().slice(0, 10)],
    ['commit', commit()],
    ['Node.js', process.version],
    ['PostgreSQL', postgresVersion],
    ['processor', `${[...models].join(', ') || 'unknown'}, ${availableParallelism()} cores`],
    ['memory', `${(totalmem() / 2 ** 30).toFixed(1)} GiB`],
    ['system', `${type()} ${process.arch}`],
    ['disk', await describeDisk()],
  ]
}

function commit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' }).trim()
  const sources = [':/src', ':/test', ':/migrations', ':/scripts', ':/bench', ':/package-lock.json']
  const isChanged = git('status', '--porcelain', '--', ...sources) !== ''
  return `${git('rev-parse', '--short', 'HEAD')}${isChanged ? ', with changes that are not committed' : ''}`
}

const PAGE = Buffer.alloc(8_192, 1) // bytes; what PostgreSQL writes at the least
const SYNCS = 200

/** How long one commit waits for the disk, which bounds how many can follow one another. */
async function describeDisk(): Promise<string> {
  await using directory = await newDirectory()
  const file = openSync(join(directory.path, 'synced'), 'w')
  const times: number[] = []
  for (let sync = 0; sync < SYNCS; sync++) {
    const began = performance.now()
    writeSync(file, PAGE, 0, PAGE.length, 0)
    fdatasyncSync(file)
    times.push(performance.now() - began)
  }
  closeSync(file)
  const [median, p99] = [0.5, 0.99].map(share => percentile(times, share).toFixed(2))
  const place = isInMemory(directory.path) ? ', in memory: nothing is really synced' : ''
  return `writing and syncing 8 KiB takes ${median} ms (p99 ${p99} ms)${place}`
}

const LOOKED_FOR = 1_000 // milliseconds

/** How many cores other programs keep busy just now. Figures that are taken meanwhile are worse. */
export async function busyCores(): Promise<number> {
  const before = coreTimes()
  await pause(LOOKED_FOR)
  const after = coreTimes()
  const share = 1 - (after.idle - before.idle) / Math.max(1, after.all - before.all)
  return share * cpus().length
}

function coreTimes(): { idle: number; all: number } {
  const times = cpus().map(core => core.times)
  const all = times.flatMap(one => Object.values(one))
  return { idle: times.reduce((sum, { idle }) => sum + idle, 0), all: all.reduce((sum, part) => sum + part, 0) }
}
