/**
 * Measures the service and others on this machine and writes docs/benchmarks.md. Nothing else should run meanwhile.
 *
 *   npm run bench                             everything
 *   npm run bench -- refreshes start          these measurements alone, in the place of what they found before
 *   npm run bench -- --rounds 5               5 rounds instead of 3
 *   npm run bench -- --only "this service"    these subjects alone; writes nothing
 *   npm run bench -- --quick                  a tenth of the counts, to try the measuring itself; writes nothing
 *
 *   npm run bench -- refreshes --server keycloak=http://127.0.0.1:8080 --setting keycloak.realm=bench \
 *     --setting keycloak.clientId=bench --credentials keycloak=tokens.txt
 *                                             a server that runs already, too; bench/adapters tells how to set each up.
 *                                             The file has one refresh token a line, and is rewritten with their
 *                                             successors; GoTrue needs none
 *   … --setting keycloak.version=26.7 --setting keycloak.setUp="A pool of 20 connections."
 *                                             for the table of who is measured
 *   … --start keycloak=/opt/keycloak.sh       an executable that runs it in the foreground at that URL, instead of one that
 *                                             runs already: its start, memory and processor time are measured, too
 *   … --setting keycloak.databaseUrl=postgres://…
 *                                             its database on this machine, as a user who may read its statistics: what
 *                                             the database does for each refresh is measured, too
 *
 * It needs Linux, and sends nothing beyond this machine and the servers that it was told of.
 */

import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startDurablePostgres } from '../test/measuring/durable-postgres.ts'
import { startHelper } from '../test/measuring/helper-process.ts'
import { describeMachine } from '../test/measuring/machine.ts'
import { closeAll, closeOnSignals } from '../test/measuring/opened.ts'
import { readArguments } from './arguments.ts'
import { table } from './document/document.ts'
import { storeResult, writeDocument } from './document/files.ts'
import type { SinkAnswer, SinkQuestion } from './letters/sink.ts'
import type { Bench, Figures } from './measurements/measurement.ts'
import { MEASUREMENTS } from './measurements/measurements.ts'
import { SUBJECTS } from './subjects/subjects.ts'

const print = (line: string) => void process.stdout.write(`${line}\n`)

const untilStopped = closeOnSignals()

try {
  await run()
} catch (error) {
  await pause(100) // lets in the signal that may have caused it
  await untilStopped()
  print(error instanceof Error ? `${error.stack}` : String(error))
  process.exitCode = 1
} finally {
  await closeAll()
}

async function run(): Promise<void> {
  const { names, isQuick, isWhole, rounds, subjects } = readArguments(process.argv.slice(2), SUBJECTS)
  await using postgres = await startDurablePostgres()
  await using sink = startHelper<SinkQuestion, SinkAnswer>(join(import.meta.dirname, 'letters/sink.ts'))
  const { port } = await sink.ask({ want: 'state' })
  const machine = await describeMachine(postgres.version)
  print(table({ columns: ['', 'this run'], rows: machine }))
  for (const name of names) {
    const { title, measure } = MEASUREMENTS[name]
    print(`\n${title}`)
    const began = performance.now()
    const say = (line: string) => print(`  ${clock(performance.now() - began)}  ${line}`)
    const bench: Bench = {
      postgres,
      smtpUrl: `smtp://127.0.0.1:${port}`,
      subjects,
      rounds,
      scaled: full => (isQuick ? Math.ceil(full / 10) : full),
      say,
    }
    const figures = await measure(bench)
    show(figures)
    const seconds = (performance.now() - began) / 1_000
    const described = subjects.map(subject => ({ ...subject, version: subject.version() }))
    const measured = described.map(({ name, version, setUp }) => ({ name, version, setUp }))
    if (isWhole) storeResult({ name, machine, seconds, subjects: measured, figures })
  }
  if (isWhole) writeDocument()
  print(isWhole ? '\nWrote docs/benchmarks.md.' : '\nNothing was written: this was not the whole of it.')
}

function show({ tables, aims = [] }: Figures): void {
  for (const one of tables) print(`\n${one.title ?? ''}\n${table(one)}`)
  for (const { what, atLeast, aim, found, verdict } of aims)
    print(`${what}: ${found} (at least ${atLeast}, aim ${aim}): ${verdict}`)
}

function clock(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1_000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}
