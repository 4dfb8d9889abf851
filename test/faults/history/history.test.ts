import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { emptyDirectory } from '../../support/process.ts'
import type { Answer } from '../../support/service.ts'
import { requestsOf } from './event.ts'
import { History, keepEvidence } from './history.ts'

const asked = { operation: 'sign up', email: 'ann@example.com' } as const
const answer = (status: number, body: object): Answer => ({ status, body, headers: new Headers(), text: '' })
const broken = new TypeError('fetch failed', { cause: Object.assign(new Error(), { code: 'ECONNRESET' }) })

test('A request is logged as what is known of it, in the file too', async () => {
  await using directory = await emptyDirectory()
  const file = join(directory.path, 'requests.jsonl')
  using history = new History(file)
  const created = answer(201, { id: '1', confirmation: { ticket: 'a secret' } })
  assert.equal(await history.request(asked, async () => created), created)
  const refused = answer(400, { error: 'invalid_grant', reason: 'reused' })
  assert.equal(await history.request(asked, async () => refused), refused)
  assert.equal(await history.request(asked, async () => answer(503, { code: 'unavailable' })), undefined)
  assert.equal(await history.request(asked, () => Promise.reject(broken)), undefined)

  assert.deepEqual(requestsOf(history.events), [
    { ...asked, id: 1, outcome: 'ok', status: 201, account: '1' },
    { ...asked, id: 2, outcome: 'failed', status: 400, reason: 'reused' },
    { ...asked, id: 3, outcome: 'unknown', status: 503, reason: 'unavailable' },
    { ...asked, id: 4, outcome: 'unknown', reason: 'ECONNRESET' },
  ])
  const lines = readFileSync(file, 'utf8')
  assert.deepEqual(
    lines
      .trim()
      .split('\n')
      .map(line => JSON.parse(line)),
    history.events,
  )
  assert.doesNotMatch(lines, /secret/)
})

test('A request under way when the history ends is unknown', async () => {
  await using directory = await emptyDirectory()
  using history = new History(join(directory.path, 'requests.jsonl'))
  void history.request(asked, () => new Promise(() => {}))
  assert.deepEqual(requestsOf(history.events), [{ ...asked, id: 1, outcome: 'unknown' }])
})

test('What is kept of letters holds no token', async () => {
  await using directory = await emptyDirectory()
  const letters = [{ to: asked.email, messageId: '<1>', token: 'a secret' }]
  keepEvidence(join(directory.path, 'x'), { accounts: [], letters })
  assert.equal(
    readFileSync(join(directory.path, 'x-letters.jsonl'), 'utf8'),
    '{"to":"ann@example.com","messageId":"<1>","confirms":true}\n',
  )
})
