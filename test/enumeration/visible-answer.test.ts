import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Answer } from '../../src/enumeration/client.ts'
import { AnswerReader, differencesBetween } from '../../src/enumeration/visible-answer.ts'

const ADDRESS = 'ann@example.com'
const NOW = 'Mon, 23 Nov 2026 22:10:00 GMT'

/** UUIDv7 of a time. */
const idOf = (time: string, random = '7abc-8def-0123456789ab') =>
  Date.parse(time)
    .toString(16)
    .padStart(12, '0')
    .replace(/^(.{8})(.{4})$/, `$1-$2-${random}`)

function answerOf(parts: Partial<Answer> = {}): Answer {
  return { status: 200, headers: [['date', NOW]], body: '', milliseconds: 1, ...parts }
}

/** What two answers differ in, read one after the other. */
function differences(one: Partial<Answer>, other: Partial<Answer>, ignored: string[] = []) {
  const reader = new AnswerReader(ignored)
  const expected = reader.read(answerOf(one), ADDRESS)
  return differencesBetween(expected, reader.read(answerOf(other), ADDRESS))
}

describe('two answers are alike', () => {
  const alike = (one: Partial<Answer>, other: Partial<Answer>, ignored?: string[]) =>
    assert.deepEqual(differences(one, other, ignored), [])

  test('when they differ in fresh ids, tickets and times', () =>
    alike(
      { body: `${idOf('2026-11-23T22:10:00Z')} authsvc_ct_k1.aaaa 2026-11-23T22:10:00.123Z` },
      { body: `${idOf('2026-11-23T22:10:01Z')} authsvc_ct_k1.bbbb 2026-11-23T22:10:01.456Z` },
    ))

  test('when they differ in the id of the request', () =>
    alike(
      { headers: [['x-request-id', '7a6dd6e1-12c6-4b5c-93b0-93a3e9a0e5fb']] },
      { headers: [['x-request-id', 'd3f0f7a4-0c5e-4a2e-8c0e-6d1c2b1f0e9d']] },
    ))

  test('when they repeat addresses of different lengths', () => {
    const reader = new AnswerReader()
    const about = (address: string) =>
      reader.read(
        answerOf({ body: `<${address}>`, headers: [['content-length', String(address.length + 2)]] }),
        address,
      )
    assert.deepEqual(differencesBetween(about('ann@example.com'), about('somebody.else@example.com')), [])
  })

  test('when only a header differs that the operator has named', () =>
    alike({ headers: [['CF-Ray', '1']] }, { headers: [['CF-Ray', '2']] }, ['cf-ray']))
})

describe('two answers differ', () => {
  const differ = (one: Partial<Answer>, other: Partial<Answer>, part: string) =>
    assert.deepEqual(
      differences(one, other).map(difference => difference.part),
      [part],
    )

  test('by their status', () => differ({ status: 401 }, { status: 403 }, 'status'))
  test('by one byte of the body', () => differ({ body: 'a' }, { body: 'a ' }, 'body'))
  test('by the value of a header', () => differ({ headers: [['vary', 'a']] }, { headers: [['vary', 'b']] }, 'headers'))
  test('by the case of the name of a header', () =>
    differ({ headers: [['Vary', 'a']] }, { headers: [['vary', 'a']] }, 'headers'))
  test('by a header of one of them', () => differ({ headers: [] }, { headers: [['vary', 'a']] }, 'headers'))
  test('by a header that one of them repeats', () =>
    differ({ headers: [['a', '1']] }, { headers: Array.from({ length: 2 }, () => ['a', '1'] as const) }, 'headers'))
  test('by the order of their headers', () => {
    const [vary, etag] = [['vary', 'a'] as const, ['etag', 'b'] as const]
    differ({ headers: [vary, etag] }, { headers: [etag, vary] }, 'headers')
  })
  test('by a length that is not that of the body', () =>
    differ({ headers: [['content-length', '0']] }, { headers: [['content-length', '1']] }, 'headers'))
  test('by the length of a ticket', () => differ({ body: 'authsvc_ct_k1.a' }, { body: 'authsvc_ct_k1.aa' }, 'body'))
  test('by a time that is not now', () =>
    differ({ body: '2026-11-23T22:10:00.000Z' }, { body: '2026-11-20T22:10:00.000Z' }, 'body'))
  test('by an id that was made long ago', () =>
    differ({ body: idOf('2026-11-23T22:10:00Z') }, { body: idOf('2026-11-20T22:10:00Z') }, 'body'))
  test('by an id that came in an earlier answer', () => {
    const id = idOf('2026-11-23T22:10:00Z')
    const [difference] = differences({ body: id }, { body: id })
    assert.match(difference!.found, /seen before/)
  })
  test('and all of it is told', () => {
    const [status, headers, body] = differences(
      { status: 201, headers: [['a', '1']], body: 'one' },
      { status: 409, headers: [['a', '2']], body: 'two' },
    )
    assert.deepEqual(status, { part: 'status', expected: '201', found: '409' })
    assert.deepEqual(headers, { part: 'headers', expected: 'a: 1', found: 'a: 2' })
    assert.deepEqual(body, { part: 'body', expected: 'one', found: 'two' })
  })
})
