import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { installOwnPackages } from '../measuring/own-packages.ts'
import type { Experiment, Findings, Trial } from '../proof/experiment.ts'
import { type MutationReport, readMutants } from './mutants.ts'
import { PARTS, type Part } from './parts.ts'

const ROOT = join(import.meta.dirname, '../..')
const STRYKER = join(import.meta.dirname, 'stryker')
const INSTALLED = join(ROOT, 'build/mutation') // not in node_modules: few who work on the service need it
const NOTICED = 0.85 // of all changes, at least

/** Changes the code in small ways, one at a time, to see whether a test notices. */
export const mutation: Experiment = {
  id: 'F19',
  title: 'Mutation of the code',
  claim: 'Of small changes to the code of tokens, confirmation and addresses, tests notice at least 85 %.',
  command: 'prove:long',
  trials: { short: 1, full: PARTS.length },
  run: runMutation,
}

async function runMutation(trial: Trial): Promise<Findings> {
  installOwnPackages(STRYKER, INSTALLED)
  const reports: MutationReport[] = []
  for (const [index, part] of PARTS.slice(0, trial.trials).entries()) {
    await runStryker(trial, part, index)
    copyFileSync(reportOf(part), join(trial.directory, `${part.name}.json`))
    reports.push(JSON.parse(readFileSync(reportOf(part), 'utf8')))
  }
  return findingsOf({ files: Object.assign({}, ...reports.map(({ files }) => files)) })
}

const reportOf = ({ name }: Part) => join(INSTALLED, `${name}-report.json`)

async function runStryker({ postgresUrl, progress }: Trial, part: Part, index: number): Promise<void> {
  const stryker = join(INSTALLED, 'node_modules/@stryker-mutator/core/bin/stryker.js')
  const child = spawn(process.execPath, [stryker, 'run', writeConfig(part)], {
    cwd: ROOT,
    env: {
      ...process.env,
      AUTH_TEST_POSTGRES: postgresUrl,
      NODE_COMPILE_CACHE: join(INSTALLED, 'compiled'), // thousands of processes load the same files
      PATH: [dirname(process.execPath), process.env.PATH].join(delimiter), // its runner starts `node`
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const printed: string[] = []
  createInterface({ input: child.stdout }).on('line', line => {
    printed.push(line)
    progress(index, `${part.name}: ${line.slice(0, 80)}`)
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`Stryker ended with exit code ${code}:\n${printed.slice(-20).join('\n')}`)
}

/** @returns the file */
function writeConfig(part: Part): string {
  const common = JSON.parse(readFileSync(join(STRYKER, 'stryker.config.json'), 'utf8'))
  const own = {
    mutate: part.mutated,
    concurrency: part.atOnce,
    tap: { ...common.tap, testFiles: part.tests },
    jsonReporter: { fileName: reportOf(part) },
    incrementalFile: join(INSTALLED, `${part.name}-incremental.json`),
    eventReporter: { baseDir: join(INSTALLED, `${part.name}-events`) },
  }
  const file = join(INSTALLED, `${part.name}.json`)
  writeFileSync(file, JSON.stringify({ ...common, ...own }, null, 2))
  return file
}

/** What a report of Stryker says about the claim. */
export function findingsOf(report: MutationReport): Findings {
  const { valid, survivors } = readMutants(report)
  return {
    trials: valid,
    unit: 'changes',
    counted: [
      {
        what: 'changes that no test noticed',
        count: survivors.length,
        of: valid,
        atMost: Math.floor((1 - NOTICED) * valid),
      },
    ],
    measured: [
      { what: 'noticed', value: (1 - survivors.length / valid) * 100, unit: '%', promised: { atLeast: NOTICED * 100 } },
      { what: 'in code that no test reaches', value: survivors.filter(({ isReached }) => !isReached).length, unit: '' },
    ],
    remarks: [
      'By Stryker, with the tests of these parts and the stories, on PostgreSQL; a change that makes a test hang counts as noticed.',
      'A change whose code and tests are as they were in the run before, in the same folder, keeps its result from then.',
      ...survivors.map(
        ({ file, line, found, replacement }) => `Not noticed: ${file}:${line} ${code(found)} → ${code(replacement)}`,
      ),
    ],
  }
}

const code = (text: string) => (text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``)
