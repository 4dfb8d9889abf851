import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { KeptSessions, sessionsBegun, sessionsInFile } from '../../bench/subjects/kept-sessions.ts'

suite('the sessions of a running server', () => {
  test('go on in the next round with what the last one left', async () => {
    await using credentials = fileOf('a1\nb1\n\nc1\n')
    const sessions = new KeptSessions(sessionsInFile(credentials.file))
    assert.deepEqual(await sessions.take(2), ['a1', 'b1'])
    sessions.keep(['b2', 'a2']) // in the order in which the load left them
    sessions.keep(['a3', 'b3'])
    assert.deepEqual(await sessions.take(2), ['a3', 'b3'])
    assert.deepEqual(await sessions.take(3), ['a3', 'b3', 'c1'])
  })

  test('are in the file for a later run, without those that ended', async () => {
    await using credentials = fileOf('a1\nb1\nc1\n')
    const sessions = new KeptSessions(sessionsInFile(credentials.file))
    await sessions.take(2)
    sessions.keep(['b2'])
    assert.equal(readFileSync(credentials.file, 'utf8'), 'b2\nc1\n')
    await assert.rejects(sessions.take(3), /Needed: 3 credentials.*Found: {2}2/s)
  })

  test('are begun when they are first needed, and never again', async () => {
    const begun: number[] = []
    const sessions = new KeptSessions(
      sessionsBegun(async count => {
        begun.push(count)
        return Array.from({ length: count }, (_, index) => `${begun.length}.${index}`)
      }),
    )
    assert.deepEqual(await sessions.take(2), ['1.0', '1.1'])
    sessions.keep(['x', 'y'])
    assert.deepEqual(await sessions.take(2), ['x', 'y'])
    assert.deepEqual(await sessions.take(3), ['x', 'y', '2.0'])
    assert.deepEqual(begun, [2, 1])
  })
})

function fileOf(text: string) {
  const directory = mkdtempSync(join(tmpdir(), 'auth-test-'))
  const file = join(directory, 'tokens.txt')
  writeFileSync(file, text)
  return { file, [Symbol.asyncDispose]: async () => rmSync(directory, { recursive: true, force: true }) }
}
