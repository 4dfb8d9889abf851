import { type Experiment, type Measured, violationsOf } from '../experiment.ts'
import type { Result } from './result.ts'
import { boundOf, isKept, type Verdict, verdictOf } from './verdict.ts'
import { duration, figure, table, whole } from './words.ts'

const MOST_BUSY = 0.3 // cores; what a system does by itself stays below

/** docs/proof.md: what was tried in full, what came of it, and what was not tried. */
export function composeProof(experiments: readonly Experiment[], results: ReadonlyMap<string, Result>): string {
  const found = experiments.flatMap(({ id }) => results.get(id) ?? [])
  return [
    '# Proof',
    'What the service promises, how often that was tried, and what came of it. `npm run prove` and `npm run prove:long` ' +
      'try it and write this file, from the results in [docs/proof](proof). `npm test` tries every claim in a short form.',
    'That something never happened among n says only that it happens less often than about 3 in n, with 95 % confidence ' +
      '(the rule of three); that bound stands beside each zero. Load, database and service shared one machine.',
    ...(found.length > 0 ? [summaryOf(found)] : []),
    ...found.flatMap(sectionOf),
    '## What was not run',
    notRun(experiments, results),
  ]
    .join('\n\n')
    .concat('\n')
}

/** Under which name a drawing is kept. */
export const plotFile = (id: string, plot: string): string => `${id}-${plot}.svg`

function summaryOf(results: readonly Result[]): string {
  const rows = results.map(({ id, claim, trials, findings }) => [
    id,
    claim,
    `${whole(findings.trials)} ${findings.unit}`,
    findings.counted
      .map(one => `**${whole(one.count)}** of ${whole(one.of)} ${one.what}: ${boundOf(one)}`)
      .join('<br>'),
    verdictInWords(verdictOf(findings)) + (trials.asked < trials.full ? ', tried in part' : ''),
  ])
  return table(['', 'claim', 'tried', 'counted, and the true share', 'verdict'], rows)
}

function verdictInWords(verdict: Verdict): string {
  return verdict.isHeld ? 'holds' : `**falls short**: ${shortcomings(verdict).join('; ')}`
}

function shortcomings({ broken, uncounted, missed }: Verdict): string[] {
  return [
    ...broken.map(({ what, count }) => `${whole(count)} ${what}`),
    ...uncounted.map(({ what }) => `nothing was tried for ${what}`),
    ...missed.map(({ what, value, unit }) => `${what} is ${figure(value, unit)}`),
  ]
}

function sectionOf({ id, title, claim, findings, ...run }: Result): string[] {
  const { counted, measured, plots = [], remarks = [] } = findings
  const broken = violationsOf(findings)
  const verdict = verdictOf(findings)
  return [
    `## ${id} ${title}`,
    `${claim} ${verdict.isHeld ? 'It holds.' : `It ${verdictInWords(verdict)}.`}`,
    table(
      ['counted', 'count', 'of', 'at most', 'true share', ''],
      counted.map(one => [
        one.what,
        whole(one.count),
        whole(one.of),
        whole(one.atMost ?? 0),
        boundOf(one),
        one.of === 0 ? '**not tried**' : broken.includes(one) ? '**falls short**' : 'holds',
      ]),
    ),
    ...(measured.length > 0 ? [table(['measured', 'value', 'promised', ''], measured.map(measuredRow))] : []),
    ...(remarks.length > 0 ? [remarks.map(remark => `- ${remark}`).join('\n')] : []),
    ...plots.map(({ name, title: caption }) => `![${caption}](proof/${plotFile(id, name)})`),
    howItWasRun({ id, findings, ...run }),
  ]
}

function measuredRow({ what, value, unit, promised }: Measured): string[] {
  if (!promised) return [what, figure(value, unit), '', '']
  const words =
    'below' in promised ? `below ${figure(promised.below, unit)}` : `at least ${figure(promised.atLeast, unit)}`
  return [what, figure(value, unit), words, isKept(value, promised) ? 'holds' : '**falls short**']
}

type Run = Omit<Result, 'title' | 'claim'>

function howItWasRun({ id, command, seed, trials, seconds, machine, busyBefore, findings }: Run): string {
  const isPart = trials.asked < trials.full
  const options = `${id} --seed ${seed}${isPart ? ` --trials ${trials.asked}` : ''}`
  return [
    `${whole(findings.trials)} ${findings.unit} in ${duration(seconds)}`,
    `(${Object.entries(machine)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ')}).`,
    ...(isPart ? [`In part: ${whole(trials.asked)} of ${whole(trials.full)} trials.`] : []),
    ...(busyBefore > MOST_BUSY
      ? [`Other programs kept ${busyBefore} cores busy, so the figures are worse than they are alone.`]
      : []),
    `Repeat it with \`npm run ${command} -- ${options}\`; its histories lie in \`build/proof/${id}\` afterwards.`,
  ].join(' ')
}

/** Silence about what was not tried would look like proof. */
function notRun(experiments: readonly Experiment[], results: ReadonlyMap<string, Result>): string {
  const lines = experiments.flatMap(({ id, claim, command, trials }) => {
    const asked = results.get(id)?.trials.asked
    if (asked === undefined) return [`- ${id}: ${claim} (\`npm run ${command} -- ${id}\`)`]
    return asked < trials.full ? [`- ${id}: only ${whole(asked)} of ${whole(trials.full)} trials were run.`] : []
  })
  return lines.length > 0 ? lines.join('\n') : 'Every claim was tried in full.'
}
