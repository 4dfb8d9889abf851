import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { sql } from 'kysely'
import { describeSchema } from '../src/storage/describe-schema.ts'
import { DATABASES, openTestDatabase } from './support/database.ts'
import { send, startTestService } from './support/service.ts'

const read = (name: string) => readFile(join(import.meta.dirname, '..', name), 'utf8')

describe('what is generated is up to date', () => {
  for (const kind of DATABASES)
    test(`schema.sql is the schema on ${kind}`, async () => {
      await using opened = await openTestDatabase(kind)
      assert.equal(await describeSchema(opened.database), await read('schema.sql'), 'npm run schema writes it anew')
      await sql`alter table session add column surplus integer`.execute(opened.database)
      assert.notEqual(await describeSchema(opened.database), await read('schema.sql'), 'a difference would be noticed')
    })

  test('openapi.json describes the routes', async () => {
    await using service = await startTestService('PGlite')
    const { body } = await send(`${service.url}/openapi.json`)
    assert.deepEqual(body, JSON.parse(await read('openapi.json')), 'npm run openapi writes it anew')
    assert.equal(body.openapi, '3.1.0')
    assert.deepEqual(Object.keys(body.paths).sort(), [
      '/.well-known/jwks.json',
      '/.well-known/oauth-authorization-server',
      '/livez',
      '/oauth2/revoke',
      '/oauth2/token',
      '/readyz',
      '/v1/account',
      '/v1/accounts',
      '/v1/confirmation',
      '/v1/confirmation-letters',
      '/v1/confirmations',
      '/v1/device-tokens',
      '/v1/sessions',
    ])
  })
})
