import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import { createTestDatabase } from '../support/database.ts'
import { emptyDirectory, ServiceProcess } from '../support/process.ts'
import { exchange, newAddress, PASSWORD, SECRET_KEY, send } from '../support/service.ts'
import { letterIn, tokenOf } from '../support/sink-letters.ts'
import { openSmtpSink, type SmtpSink } from '../support/smtp-sink.ts'

describe('a role that may not change the schema', () => {
  const opened = new AsyncDisposableStack()
  const role = `auth_service_${randomBytes(6).toString('hex')}`
  let owner: pg.Client
  let sink: SmtpSink
  let environment: (databaseUrl: string) => Record<string, string>
  let ownerUrl: string
  let roleUrl: string
  before(async () => {
    const database = opened.use(await createTestDatabase())
    const directory = opened.use(await emptyDirectory())
    sink = opened.use(await openSmtpSink())
    ownerUrl = database.url
    owner = new pg.Client({ connectionString: ownerUrl })
    await owner.connect()
    await owner.query(`create role ${role} login password 'of the test'`)
    opened.defer(async () => {
      await owner.query(`drop owned by ${role}`)
      await owner.query(`drop role ${role}`)
      await owner.end()
    })
    const url = new URL(ownerUrl)
    Object.assign(url, { username: role, password: 'of the test' })
    roleUrl = url.href
    environment = databaseUrl => ({
      AUTH_DATA_DIR: directory.path,
      AUTH_DATABASE_URL: databaseUrl,
      AUTH_SECRET_KEY: SECRET_KEY,
      AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}`,
    })
  })
  after(() => opened.disposeAsync())

  test('is told which command to run, with which rights, when the schema is not current', async () => {
    await using service = new ServiceProcess(environment(roleUrl))
    const { code, stderr } = await service.ended()
    assert.equal(code, 1)
    assert.match(stderr, /Needed: .*may change it/)
    assert.match(stderr, /permission denied/)
    assert.match(stderr, /"auth-service migrate" with the owner/)
  })

  test('serves everything once the owner has migrated and granted what the documents list', async () => {
    await using migrated = new ServiceProcess(environment(ownerUrl), ['migrate'])
    assert.equal((await migrated.ended()).code, 0)
    for (const statement of documentedGrants(role)) await owner.query(statement)
    await using service = new ServiceProcess(environment(roleUrl))
    const url = await service.started()
    const email = newAddress()
    const { body } = await send(`${url}/v1/accounts`, { json: { email, password: PASSWORD } })
    const json = { token: tokenOf(await letterIn(sink, email)), ticket: body.confirmation.ticket }
    assert.equal((await send(`${url}/v1/confirmations`, { json })).status, 200)
    const session = await send(`${url}/v1/sessions`, { json: { email, password: PASSWORD } })
    const refreshed = await exchange({ url }, session.body.refresh_token)
    assert.equal(refreshed.status, 200)
    assert.equal((await send(`${url}/readyz`)).status, 200)
  })
})

/** The statements of docs/audit.md for a role of another name. */
function documentedGrants(role: string): string[] {
  const text = readFileSync(join(import.meta.dirname, '../../docs/audit.md'), 'utf8')
  const block = /## Append-only[\s\S]*?```sql\n([\s\S]*?)```/.exec(text)![1]!
  return block
    .replaceAll('auth_service', role)
    .split(';\n')
    .filter(part => part.trim() !== '')
}
