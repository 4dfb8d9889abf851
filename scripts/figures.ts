/**
 * Measures the service on this machine and writes docs/figures.md. It takes some 5 minutes; nothing else should run.
 *
 *   npm run figures                       everything; only this writes the file
 *   npm run figures -- start refreshes    these subjects alone
 *   npm run figures -- --quick            a tenth of the counts, to try the measuring itself
 *
 * It needs a system with process groups, and sends nothing beyond this machine.
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { startDurablePostgres } from '../test/measuring/durable-postgres.ts'
import { describeMachine } from '../test/measuring/machine.ts'
import { closeAll } from '../test/measuring/opened.ts'
import { composeDocument, type Section, table } from './figures/document.ts'
import { letters } from './figures/letters.ts'
import { memory } from './figures/memory.ts'
import { refreshes } from './figures/refreshes.ts'
import { start } from './figures/start.ts'
import type { Subject } from './figures/subject.ts'

const SUBJECTS: Record<string, Subject> = { start, memory, letters, refreshes }
const FILE = 'docs/figures.md'

const print = (line: string) => void process.stdout.write(`${line}\n`)

let stopping: Promise<void> | undefined
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    stopping ??= closeAll().then(() => process.exit(1))
  })

try {
  await run()
} catch (error) {
  await pause(100) // lets in the signal that may have caused it
  await stopping // what fails while it is stopped is no news
  print(error instanceof Error ? `${error.stack}` : String(error))
  await closeAll()
  process.exitCode = 1
}

async function run(): Promise<void> {
  const { names, isQuick } = readArguments()
  await using postgres = await startDurablePostgres()
  const scaled = (full: number) => (isQuick ? Math.ceil(full / 10) : full)
  const machine = await describeMachine(postgres.version)
  print(table(['', 'this run'], machine))
  const sections: Section[] = []
  for (const name of names) {
    const { title, measure } = SUBJECTS[name]!
    print(`\n${title}`)
    const began = performance.now()
    const figures = await measure({ postgres, scaled, say: line => print(`  ${line}`) })
    print(`  (${((performance.now() - began) / 1_000).toFixed(0)} s)`)
    sections.push({ title, command: `npm run figures -- ${name}`, ...figures })
  }
  const missing = Object.keys(SUBJECTS).filter(name => !names.includes(name))
  if (isQuick || missing.length > 0) return print(`\n${FILE} is written by npm run figures alone, without arguments.`)
  writeFileSync(join(import.meta.dirname, '..', FILE), composeDocument(machine, sections))
  print(`\nWrote ${FILE}.`)
}

function readArguments(): { names: string[]; isQuick: boolean } {
  const { values, positionals } = parseArgs({
    options: { quick: { type: 'boolean', default: false } },
    allowPositionals: true,
  })
  const known = Object.keys(SUBJECTS)
  for (const name of positionals)
    if (!known.includes(name)) throw new Error(`The subjects are ${known.join(', ')}. Found: ${name}`)
  return { names: positionals.length > 0 ? [...new Set(positionals)] : known, isQuick: values.quick }
}
