import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { decodeProtectedHeader } from 'jose'
import { sql } from 'kysely'
import { confirmedAccount } from '../measuring/accounts.ts'
import { exchange, send, signIn } from '../support/service.ts'
import { startServicesOnPostgres } from '../support/services-on-postgres.ts'

const LONGEST_WAIT = 30_000 // milliseconds

// A minute of housekeeping takes 1.5 s, and whatever is to see to signing keys hangs from the start on.
const HANGING = [
  { file: 'housekeeping.ts', find: 'const MINUTE = 60_000 // milliseconds', replace: 'const MINUTE = 1_500' },
  {
    file: 'housekeeping.ts',
    find: '() => signingKeys.maintain()',
    replace: '() => new Promise<void>(() => {})',
  },
]

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + LONGEST_WAIT; !(await holds()); await pause(50))
    if (Date.now() > deadline) throw new Error(`never: ${what}`)
}

test('a signing key that another process dropped signs no more, also where housekeeping hangs or its successor cannot be opened [R63]', async () => {
  await using services = await startServicesOnPostgres(process.env.AUTH_TEST_POSTGRES!, {
    env: { AUTH_SMTP_URL: '' },
    alterations: HANGING,
  })
  const [url] = services.urls as [string]
  let token = await signIn({ url }, await confirmedAccount({ url }))
  const signer = async (): Promise<string> => {
    const { body } = await exchange({ url }, token)
    token = body.refresh_token
    return decodeProtectedHeader(body.access_token).kid!
  }
  const dropCurrent = (sealedWith: string) =>
    sql`with dropped as (delete from signing_key where signs_from is not null)
      update signing_key set signs_from = now(), sealed_with = ${sealedWith} where signs_from is null`.execute(
      services.database,
    )
  const leaked = await signer()

  await dropCurrent('k9')
  await until('nothing is signed', async () => (await send(`${url}/readyz`)).status === 503)
  const ready = await send(`${url}/readyz`)
  assert.deepEqual([ready.body.database, ready.body.keys], ['ok', 'failed'])
  const generation = async () =>
    (await sql<{ generation: number }>`select generation from session`.execute(services.database)).rows[0]!.generation
  const before = await generation()
  const { status, body } = await exchange({ url }, token)
  assert.deepEqual([status, body.error], [503, 'temporarily_unavailable'])
  assert.equal(await generation(), before, 'the refresh token was not traded in')
  const { text } = await send(`${url}/.well-known/jwks.json`)
  assert.ok(!text.includes(leaked), 'and nobody is told to accept it')

  await sql`update signing_key set sealed_with = 'k1'`.execute(services.database)
  await until('the next key signs', async () => (await send(`${url}/readyz`)).status === 200)
  assert.notEqual(await signer(), leaked)
})
