import type { FileOutcomes } from '../../support/outcomes.ts'
import type { Result } from '../report/result.ts'
import { verdictOf } from '../report/verdict.ts'
import { table } from '../report/words.ts'
import { type Coverage, type NamedTest, requirementsIn } from './coverage.ts'
import type { Requirement } from './requirement.ts'

export type RequirementsInput = {
  /** By what they are about. */
  groups: Record<string, Requirement[]>
  coverage: readonly Coverage[]
  /** What came of the tests that name requirements, when they were last run. */
  outcomes: readonly FileOutcomes[]
  /** What came of the experiments. */
  results: ReadonlyMap<string, Result>
}

/** docs/security/requirements.md: each requirement, what proves it, and what came of that last. */
export function composeRequirements({ groups, coverage, outcomes, results }: RequirementsInput): string {
  const covered = new Map(coverage.map(one => [one.requirement.id, one]))
  const apply = coverage.filter(({ requirement }) => requirement.notYet === undefined)
  const proven = apply.filter(({ tests }) => tests.length > 0)
  return [
    '# Requirements',
    'What a service of this kind must do, who says so, and which tests prove it here. A test names its requirements in ' +
      'brackets, such as `[R42]`; `npm run requirements` writes this file, with what came of the last `npm test` and of ' +
      'the experiments in [the proof](../proof.md).',
    'P0 holds from the first release on, P1 soon after, P2 with the feature that it belongs to. `npm test` fails when a P0 ' +
      'that applies has no test. ASVS is version 5.0; SP 800-63B is revision 4.',
    `**${proven.length} of ${apply.length}** requirements that apply have tests; ${coverage.length - apply.length} do not apply yet.`,
    ...Object.entries(groups).flatMap(([title, requirements]) => [
      `## ${title}`,
      table(
        ['', '', 'requirement', 'proven by', 'sources'],
        requirements.map(({ id, priority, requirement, sources, notYet }) => [
          id,
          priority,
          requirement,
          notYet !== undefined ? `not yet: ${notYet}` : proofOf(covered.get(id)!, { outcomes, results }),
          sources,
        ]),
      ),
    ]),
  ]
    .join('\n\n')
    .concat('\n')
}

type Outcomes = Pick<RequirementsInput, 'outcomes' | 'results'>

function proofOf({ requirement, tests, experiments }: Coverage, { outcomes, results }: Outcomes): string {
  const files = Map.groupBy(tests, ({ file }) => file)
  return [
    ...[...files].map(
      ([file, named]) =>
        `[${file.replace(/^test\//, '')}](../../${file}): ${named.map(shortName).join('; ')} ` +
        `(${testsInWords(requirement.id, file, outcomes)})`,
    ),
    ...experiments.map(({ id, title }) => `[${id}](../proof.md) ${title} (${experimentInWords(results.get(id))})`),
    ...(tests.length === 0 ? ['**no test yet**'] : []),
  ].join('<br>')
}

const shortName = ({ name }: NamedTest) =>
  name
    .replace(/\s*\[R\d\d(?:[, ]+R\d\d)*\]\s*/g, ' ')
    .replace(/\$\{[^}]*\}/g, '…')
    .trim()

function testsInWords(id: string, file: string, outcomes: readonly FileOutcomes[]): string {
  const last = outcomes.find(one => one.file === file)
  const named = Object.entries(last?.tests ?? {}).filter(([name]) => requirementsIn(name).includes(id))
  if (!last || named.length === 0) return 'not run yet'
  const failed = named.filter(([, hasPassed]) => !hasPassed)
  const when = `${last.date}, ${last.commit}`
  return failed.length === 0 ? `passed ${when}` : `**failed** ${when}: ${failed.map(([name]) => name).join('; ')}`
}

function experimentInWords(result: Result | undefined): string {
  if (!result) return 'not run yet'
  const part = result.trials.asked < result.trials.full ? ', in part' : ''
  return `${verdictOf(result.findings).isHeld ? 'holds' : '**falls short**'}${part} ${result.machine.date}`
}
