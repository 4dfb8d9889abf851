import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ALIKE, type Findings as AuditFindings, audit, type EndpointFindings } from '../../src/enumeration/audit.ts'
import { CLASSES } from '../../src/enumeration/endpoints.ts'
import { median } from '../../src/enumeration/statistics.ts'
import type { Experiment, Findings, Measured, Plot, Trial } from '../proof/experiment.ts'
import { seededRandom } from '../proof/random.ts'
import type { Alteration } from '../support/altered-source.ts'
import { createDatabase } from '../support/postgres.ts'
import { emptyDirectory, ServiceProcess } from '../support/process.ts'
import { SECRET_KEY } from '../support/service.ts'

/** A service that does not hash for unknown addresses, so that it answers them at once. */
const WITHOUT_EQUAL_WORK: Alteration = {
  file: 'accounts/password.ts',
  find: '  if (normalized === undefined) return',
  replace: '  if (normalized === undefined || !account) return',
}
const CONTROL_SAMPLES = 60

/** F17: whether the latency of an answer tells who has an account. */
export const timing: Experiment = {
  id: 'F17',
  title: 'Latency and accounts',
  claim: 'No answer, and not the time that it takes, tells a stranger whether an address has an account.',
  command: 'prove:long',
  proves: ['R01', 'R02'],
  trials: { short: 5, full: 2_000 },
  run,
}

async function run(trial: Trial): Promise<Findings> {
  const isFull = trial.trials >= CONTROL_SAMPLES
  const findings = await auditOf(trial, trial.trials)
  const control = isFull ? await auditOf(trial, CONTROL_SAMPLES, [WITHOUT_EQUAL_WORK]) : undefined
  await keepEvidence(trial, findings)
  const timed = findings.endpoints.filter(({ latency }) => latency)
  const reach = Math.max(...timed.flatMap(({ latency }) => latency!.pairs.map(({ low, high }) => (high - low) / 2)))
  return {
    trials: timed.length * CLASSES.length * trial.trials,
    unit: 'timed answers',
    counted: [
      {
        what: 'endpoints whose answer differs by who has the address',
        count: findings.endpoints.filter(({ differences }) => differences.length > 0).length,
        of: findings.endpoints.length,
      },
      ...(control
        ? [
            {
              what: 'sign-ins without equal work that were overlooked',
              count: overlookedIn(control),
              of: SIGN_INS.length,
            },
          ]
        : []),
    ],
    measured: timed.flatMap(endpoint => [...areasOf(endpoint), ...mediansOf(endpoint)]),
    plots: timed.map(distributionOf),
    remarks: [
      `${trial.trials} samples of each class at each endpoint, in random order and one at a time, over loopback, on PostgreSQL.`,
      `An area (AUC) within ${ALIKE.from} and ${ALIKE.to} counts as alike; 0.5 is a coin toss.`,
      `The 95 % confidence intervals (DeLong) reach ${reach.toFixed(3)} to either side at the most.`,
      ...(control ? [`A service without equal work was found out with ${CONTROL_SAMPLES} samples.`] : []),
    ],
  }
}

async function auditOf(trial: Trial, samples: number, alterations: Alteration[] = []): Promise<AuditFindings> {
  await using opened = new AsyncDisposableStack()
  const database = await createDatabase(trial.postgresUrl)
  opened.defer(() => database.drop())
  const directory = opened.use(await emptyDirectory())
  const env = {
    AUTH_DATABASE_URL: database.url,
    AUTH_SECRET_KEY: SECRET_KEY,
    AUTH_DATA_DIR: directory.path,
    AUTH_RATE_LIMITS: 'off',
  }
  const service = opened.use(new ServiceProcess(env, [], alterations))
  const origin = await service.started()
  const options = { origin, domain: undefined, ownAccounts: [], samples, ignoredHeaders: [] }
  const note = alterations.length > 0 ? 'without equal work' : undefined
  const progress = (done: number, total: number) => trial.progress(Math.floor((done / total) * trial.trials), note)
  return await audit(options, { progress, wait: () => {} }, seededRandom(trial.seed))
}

const SIGN_INS = ['sign-in, wrong password', 'page: sign-in']

/** How many sign-ins did not show to be slower for a confirmed address. */
function overlookedIn({ endpoints }: AuditFindings): number {
  const found = endpoints.filter(
    ({ name, latency }) =>
      SIGN_INS.includes(name) && latency?.pairs.some(pair => pair.class === 'confirmed' && pair.isToldApart),
  )
  return SIGN_INS.length - found.length
}

function areasOf({ name, latency }: EndpointFindings): Measured[] {
  return latency!.pairs.flatMap(({ class: kind, auc }) => {
    const what = `${name}: AUC of unknown against ${kind}`
    return [
      { what, value: auc, unit: '' },
      { what: `${what}, off 0.5`, value: Math.abs(auc - 0.5), unit: '', promised: { below: ALIKE.to - 0.5 } },
    ]
  })
}

function mediansOf({ name, latency }: EndpointFindings): Measured[] {
  return CLASSES.map(kind => ({
    what: `${name}: median, ${kind}`,
    value: median(latency!.latencies[kind]),
    unit: 'ms',
  }))
}

const SHOWN = 200 // points of a line

/** The share of answers that took at most so long. */
function distributionOf({ name, request, latency }: EndpointFindings): Plot {
  return {
    name: name.replaceAll(/\W+/g, '-'),
    title: `${name} (${request}), by who has the address`,
    x: { label: 'ms', isLogarithmic: true },
    y: { label: 'share of answers' },
    lines: CLASSES.map(kind => {
      const sorted = latency!.latencies[kind].toSorted((a, b) => a - b)
      const step = Math.max(1, Math.floor(sorted.length / SHOWN))
      const points = sorted.map((time, index) => [time, (index + 1) / sorted.length] as const)
      return { label: kind, points: points.filter((_, index) => (sorted.length - 1 - index) % step === 0) }
    }),
  }
}

async function keepEvidence({ directory }: Trial, { endpoints }: AuditFindings): Promise<void> {
  const file = join(directory, 'latencies.jsonl')
  await writeFile(file, '')
  for (const { name, request, differences, latency } of endpoints)
    await appendFile(file, `${JSON.stringify({ name, request, differences, latencies: latency?.latencies })}\n`)
}
