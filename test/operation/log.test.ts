import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createLogger } from '../../src/log.ts'

function logged(err: Error) {
  const lines: string[] = []
  createLogger('info', { write: text => void lines.push(text) }).error({ err }, 'a fault')
  return { line: lines.join(''), err: JSON.parse(lines.join('')).err }
}

/** An error as of PostgreSQL, which tells rows. */
const ofDatabase = (message: string) =>
  Object.assign(new Error(message), {
    code: '55P03',
    detail: 'Key (email)=(ann@example.com)',
    where: 'ann@example.com',
  })

describe('an error in the log', () => {
  test('tells the first of the errors within, reduced like itself', () => {
    const within = ['first', 'second', 'third', 'fourth'].map(ofDatabase)
    const { line, err } = logged(new AggregateError(within, 'emails to 4 mailboxes were not released'))
    const facts = err.errors.map(({ type, message, code }: Record<string, unknown>) => ({ type, message, code }))
    assert.deepEqual(
      facts,
      ['first', 'second', 'third'].map(message => ({ type: 'Error', message, code: '55P03' })),
    )
    assert.match(err.errors[0].stack, /^Error: first\n/)
    assert.doesNotMatch(line, /ann@example\.com|fourth/)
  })

  test('tells what went wrong, and what that kept from being told', () => {
    const { err } = logged(new SuppressedError(ofDatabase('at the close'), ofDatabase('before'), 'two faults'))
    assert.deepEqual(
      err.errors.map(({ message }: Error) => message),
      ['at the close', 'before'],
    )
  })

  test('tells errors within errors to a depth of two', () => {
    const nested = (depth: number): Error =>
      depth === 0 ? new Error('the innermost') : new AggregateError([nested(depth - 1)], `level ${depth}`)
    assert.equal(logged(nested(2)).err.errors[0].errors[0].message, 'the innermost')
    assert.equal(logged(nested(3)).err.errors[0].errors[0].errors, undefined)
  })

  test('has no list of errors where it is one alone', () => {
    assert.deepEqual(Object.keys(logged(ofDatabase('alone')).err), ['type', 'message', 'stack', 'code'])
  })
})
