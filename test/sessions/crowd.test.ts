import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { HashingLanes } from '../../src/passwords/hashing-lanes.ts'
import { confirmedAccount, exchange, newAddress, PASSWORD, send, signIn, startTestService } from '../support/service.ts'

const CONNECTIONS = 10 // that the service asks all but refreshes with

/** Holds up whoever counts an attempt, until it is let go. */
async function holdUpAttempts(databaseUrl: string) {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  await client.query('begin')
  await client.query('lock table attempt_counter in access exclusive mode')
  return {
    /** How many wait. */
    async count(): Promise<number> {
      const { rows } = await client.query(
        "select count(*)::int as count from pg_locks where relation = 'attempt_counter'::regclass and not granted",
      )
      return rows[0].count
    },
    letGo: () => client.query('commit'),
    [Symbol.asyncDispose]: () => client.end(),
  }
}

async function becomes(needed: number, look: () => number | Promise<number>): Promise<void> {
  for (const deadline = Date.now() + 15_000; (await look()) !== needed && Date.now() < deadline; ) await pause(10)
  assert.equal(await look(), needed)
}

describe('in a crowd that asks the database', () => {
  test('a refresh waits behind none of them, also when they take every other connection [R37]', async () => {
    await using service = await startTestService('PostgreSQL', { env: { AUTH_RATE_LIMITS: 'on' } })
    const refreshToken = await signIn(service, await confirmedAccount(service))
    await using heldUp = await holdUpAttempts(service.databaseUrl!)
    const letters = Array.from({ length: CONNECTIONS + 5 }, () =>
      send(`${service.url}/v1/confirmation-letters`, { json: { email: newAddress() } }),
    )
    await becomes(CONNECTIONS, heldUp.count)
    assert.equal((await exchange(service, refreshToken)).status, 200)
    assert.equal(await heldUp.count(), CONNECTIONS)
    await heldUp.letGo()
    for (const { status } of await Promise.all(letters)) assert.equal(status, 202)
  })

  test('sign-ins ask nothing before their turn to hash has come [R31]', async () => {
    await using service = await startTestService('PostgreSQL')
    await using heldUp = await holdUpAttempts(service.databaseUrl!)
    const turns = new HashingLanes().lanes + 1
    const signIns = Array.from({ length: 30 }, () =>
      send(`${service.url}/v1/sessions`, { json: { email: newAddress(), password: PASSWORD } }),
    )
    await becomes(30 - turns, () => service.service.hashing.waiting)
    await becomes(turns, heldUp.count)
    await heldUp.letGo()
    for (const { status } of await Promise.all(signIns)) assert.equal(status, 401)
  })
})
