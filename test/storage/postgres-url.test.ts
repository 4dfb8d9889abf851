import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { pino } from 'pino'
import { readConfig } from '../../src/config.ts'
import { openStorage } from '../../src/open-storage.ts'
import { parsePostgresUrl } from '../../src/storage/postgres-url.ts'
import { createTestDatabase } from '../support/database.ts'
import { SECRET_KEY } from '../support/service.ts'

const sslmodeOf = (url: string) => new URL(parsePostgresUrl(url)).searchParams.get('sslmode')

describe('a PostgreSQL URL', () => {
  test('means TLS with a verified certificate off loopback', () => {
    for (const host of ['db.example.com', '10.0.0.5:5433', '[2001:db8::1]', 'db', '127.0.0.1.example.com'])
      assert.equal(sslmodeOf(`postgresql://auth:secret@${host}/auth`), 'verify-full', host)
    for (const mode of ['prefer', 'require', 'verify-ca', 'verify-full'])
      assert.equal(sslmodeOf(`postgresql://auth@db.example.com/auth?sslmode=${mode}`), 'verify-full', mode)
  })

  test('means no TLS on this machine or where it says so', () => {
    for (const url of [
      'postgresql://auth@localhost/auth',
      'postgres://auth@127.0.0.1:5432/auth',
      'postgresql://auth@[::1]/auth',
      'postgresql:///auth?host=/var/run/postgresql',
      'postgresql://auth@%2Fvar%2Frun%2Fpostgresql/auth',
    ])
      assert.equal(parsePostgresUrl(url), url)
    assert.equal(sslmodeOf('postgresql://auth@db.example.com/auth?sslmode=disable'), 'disable')
    assert.equal(sslmodeOf('postgresql://auth@db.example.com/auth?sslmode=no-verify'), 'no-verify')
  })

  test('is refused when it cannot be understood, without showing its password', () => {
    for (const url of [
      'mysql://a:hunter2@h/d',
      'postgresql://a:hunter2@h/d?sslmode=off',
      'postgresql://a:hunter2@h/d?ssl=true',
      'postgresql://a:hunter2@%zz/d',
    ])
      assert.throws(
        () => readConfig({ AUTH_DATABASE_URL: url, AUTH_SECRET_KEY: SECRET_KEY }),
        ({ message }: Error) =>
          /AUTH_DATABASE_URL[\s\S]*Needed: an? .*address/.test(message) && !/hunter2/.test(message),
      )
  })

  test('of a server without TLS stops the start, which says what to put', async () => {
    await using database = await createTestDatabase()
    const config = readConfig({ AUTH_DATABASE_URL: `${database.url}?sslmode=verify-full`, AUTH_SECRET_KEY: SECRET_KEY })
    await assert.rejects(
      openStorage(config, pino({ level: 'silent' })),
      /does not support SSL[\s\S]*sslrootcert=[\s\S]*sslmode=disable/,
    )
  })
})
