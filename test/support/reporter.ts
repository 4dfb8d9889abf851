import { relative } from 'node:path'
import type { TestEvent } from 'node:test/reporters'
import { inspect } from 'node:util'

/** What happened in a test file, one JSON object a line. */
export type Outcome =
  | { kind: 'began'; test: string }
  | { kind: 'passed'; test: string }
  /** Without a reason when a part of the test has failed, which is an outcome of its own. */
  | { kind: 'failed'; test: string; reason?: string }
  /** The last line. Where it is missing, the process ended before its tests did. */
  | { kind: 'ended' }

/**
 * A reporter for node:test that is stricter than its exit code: a test that is skipped or to do has failed, and so has
 * a hook outside all tests and whatever goes wrong after its test has ended.
 */
export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const path: string[] = []
  for await (const event of events) {
    if (event.type === 'test:start') path.splice(event.data.nesting, Infinity, event.data.name)
    const outcome = outcomeOf(event, path)
    if (outcome) yield `${JSON.stringify(outcome)}\n`
  }
}

function outcomeOf(event: TestEvent, path: string[]): Outcome | undefined {
  switch (event.type) {
    case 'test:dequeue':
      return { kind: 'began', test: event.data.name }
    case 'test:pass': {
      const { skip, todo, details } = event.data
      const test = nameOf(event.data, path)
      if (isSet(skip) || isSet(todo)) return notRun(test, isSet(skip) ? 'skipped' : 'to do', skip ?? todo)
      return details.type === 'suite' ? undefined : { kind: 'passed', test }
    }
    case 'test:fail': {
      const { todo, details } = event.data
      const test = nameOf(event.data, path)
      if (isSet(todo)) return notRun(test, 'to do', todo)
      const { failureType, cause } = details.error as Error & { failureType?: string }
      if (failureType !== 'subtestsFailed') return { kind: 'failed', test, reason: describe(cause ?? details.error) }
      return details.type === 'suite' ? undefined : { kind: 'failed', test }
    }
    case 'test:diagnostic':
      // node:test says by these words alone that something failed after its test had ended.
      return /^(Error|Warning): /.test(event.data.message)
        ? { kind: 'failed', test: 'After the end of a test', reason: event.data.message }
        : undefined
    case 'test:summary':
      return { kind: 'ended' }
    default:
      return undefined
  }
}

function nameOf(
  { name, nesting, file, line }: { name: string; nesting: number; file?: string; line?: number },
  path: string[],
) {
  const names = [...path.slice(0, nesting), name].join(' › ')
  return file ? `${names} (${relative(process.cwd(), file)}:${line})` : names
}

/** The fault with its causes and properties, and of its stack what is not Node's own. */
function describe(fault: unknown): string {
  return inspect(fault).replace(/\n +at [^\n]*\bnode:internal\/[^\n]*/g, '')
}

function isSet(mark: string | boolean | undefined): boolean {
  return mark !== undefined && mark !== false
}

function notRun(test: string, mark: string, why: string | boolean | undefined): Outcome {
  const reason = `It is ${mark}${typeof why === 'string' ? ` (${why})` : ''}: a test that does not run proves nothing.`
  return { kind: 'failed', test, reason }
}
