import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Question } from '../../bench/adapters/adapter.ts'
import { authService } from '../../bench/adapters/auth-service.ts'
import { runClosedLoop } from '../../bench/load/loops.ts'
import { Recorder } from '../../bench/load/recorder.ts'
import { Tasks } from '../../bench/load/work.ts'
import { addUnconfirmed } from '../../bench/subjects/auth-service/unconfirmed.ts'
import { connectTo } from '../measuring/database-client.ts'
import { startTestService } from '../support/service.ts'

const PEOPLE = 20
const CLIENTS = 4
const LONG = 600_000 // milliseconds

suite('a load of confirmations', () => {
  test('confirms everybody who waits for it, and is measured until nobody is left', async () => {
    await using service = await startTestService('PostgreSQL')
    const databaseUrl = service.databaseUrl!
    const confirmations = await addUnconfirmed(databaseUrl, PEOPLE)
    const began = performance.now()
    const recorder = new Recorder({ from: began, to: began + LONG })
    await runClosedLoop({
      connections: Array.from({ length: CLIENTS }, () => ({ send: sendTo(service.url) })),
      tasks: tasksWith(confirmations),
      recorder,
      until: began + LONG,
    })
    const seconds = (performance.now() - began) / 1_000

    assert.equal(await countConfirmed(databaseUrl), PEOPLE)
    const { count, rate } = recorder.measured().confirm!
    assert.ok(count > PEOPLE - CLIENTS && count <= PEOPLE, `${count} of ${PEOPLE} were measured`)
    assert.ok(rate >= count / seconds, `${count} in ${seconds} s are not ${rate} a second`)
  })

  test('hands out each confirmation once', () => {
    const tasks = tasksWith([{ token: 'first' }, { token: 'second' }])
    const tokens = [tasks.next(), tasks.next()].map(task => JSON.parse(task!.question.body!).token)
    assert.deepEqual(tokens, ['first', 'second'])
    assert.deepEqual([tasks.areUsedUp, tasks.next()], [true, undefined])
  })

  test('has no figures when it was used up in the warm-up', () => {
    const now = performance.now()
    const recorder = new Recorder({ from: now + LONG, to: now + 2 * LONG })
    recorder.end()
    assert.throws(() => recorder.measured(), /used up before the warm-up was over/)
  })
})

function tasksWith(confirmations: { token: string }[]): Tasks {
  const work = { kind: 'confirm' as const }
  return new Tasks({ adapter: authService(), work, credentials: [], people: [], confirmations, random: Math.random })
}

const sendTo =
  (url: string) =>
  async ({ path, ...request }: Question) => {
    const answer = await fetch(`${url}${path}`, request)
    return { status: answer.status, headers: {}, body: await answer.text() }
  }

async function countConfirmed(databaseUrl: string): Promise<number> {
  await using client = await connectTo(databaseUrl)
  const { rows } = await client.query(`select count(*)::int as count from account where status = 'active'`)
  return rows[0].count
}
