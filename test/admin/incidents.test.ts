import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { sql } from 'kysely'
import { pino } from 'pino'
import { disableAccount, enableAccount } from '../../src/accounts/account-status-store.ts'
import { DEADLINES } from '../../src/missed-deadlines.ts'
import { KeyRing } from '../../src/secrets/key-ring.ts'
import type { Service } from '../../src/service.ts'
import { postgresDatabase } from '../../src/storage/postgres.ts'
import { environmentOf } from '../support/command.ts'
import { createTestDatabase, DATABASES } from '../support/database.ts'
import { emptyDirectory } from '../support/process.ts'
import {
  confirmedAccount,
  exchange,
  SECRET_KEY,
  type SignedUp,
  send,
  signIn,
  startTestService,
  type TestService,
} from '../support/service.ts'
import { START_FLAGS } from '../support/start-flags.ts'

const ROOT = join(import.meta.dirname, '../..')
const DOCUMENT = readFileSync(join(ROOT, 'docs/incidents.md'), 'utf8')

type Block = { language: string; text: string }

/** The blocks of code below each heading, in their order. */
function sectionsOf(document: string): Map<string, Block[]> {
  const sections = document.split(/^## /m).slice(1)
  return new Map(
    sections.map(section => {
      const blocks = [...section.matchAll(/^ *```(\w+)\n([\s\S]*?)^ *```/gm)]
      return [
        section.slice(0, section.indexOf('\n')),
        blocks.map(([, language, text]) => ({ language: language!, text: text! })),
      ]
    }),
  )
}

const SECTIONS = sectionsOf(DOCUMENT)

const NEWER = '0021_operator_events.sql' // of which nothing but its index has to be undone to have a database of before

for (const kind of DATABASES)
  describe(`the steps of docs/incidents.md beside a running service on ${kind}`, () => {
    let service: TestService
    let account: SignedUp
    let token: string
    let other: string
    before(async () => {
      service = await startTestService(kind, {
        env: { AUTH_METRICS_LISTEN: '127.0.0.1:0', AUTH_TRUST_PROXY: '127.0.0.1, ::1' },
      })
      account = await confirmedAccount(service)
      token = await signIn(service, account)
      other = await signIn(service, await confirmedAccount(service))
    })
    after(() => service[Symbol.asyncDispose]())

    const statusOf = async (refreshToken: string) => (await exchange(service, refreshToken)).status
    const signInStatus = async () => {
      const { email, password } = account
      const headers = { 'x-forwarded-for': '198.51.100.1' }
      return (await send(`${service.url}/v1/sessions`, { json: { email, password }, headers })).status
    }
    const eventTypes = async () => {
      const events = await service.service.database
        .selectFrom('audit_event')
        .select('type')
        .where('operator', 'is not', null)
        .execute()
      return events.map(({ type }) => type)
    }

    /** Runs every block of a section. @returns what each printed */
    async function follow(section: string): Promise<string[]> {
      const printed = []
      for (const block of stepsOf(section)) printed.push(await runBlock(block))
      return printed
    }

    function stepsOf(section: string): Block[] {
      const blocks = SECTIONS.get(section)
      assert.ok(blocks && blocks.length > 0, `no steps for "${section}"`)
      return blocks
    }

    async function runBlock({ language, text }: Block, env: Record<string, string> = {}): Promise<string> {
      assert.equal(language, 'sh', 'what is no command cannot be done on the embedded database')
      if (!text.includes('$SESSION')) return shell(text, env)
      const session = /"id":"([^"]+)"/.exec(await shell('auth-service sessions list --account "$ACCOUNT" --json', env))
      return shell(text, { SESSION: session?.[1] ?? '', ...env })
    }

    async function shell(commands: string, env: Record<string, string> = {}): Promise<string> {
      const node = [process.execPath, ...START_FLAGS, join(ROOT, 'src/main.ts')].map(word => `'${word}'`).join(' ')
      const script = `set -e -o pipefail\nauth-service() { ${node} "$@"; }\n${commands}`
      const { stdout } = await promisify(execFile)('bash', ['--norc', '--noprofile', '-c', script], {
        cwd: ROOT,
        env: {
          PATH: process.env.PATH,
          ...environmentOf(service),
          URL: service.url,
          METRICS: new URL(service.service.metricsUrl!).origin,
          ACCOUNT: account.email,
          NETWORK: '198.51.100.1',
          ...env,
        },
      })
      return stdout
    }

    const CHECKS: Record<string, () => Promise<void>> = {
      async 'A stolen session'() {
        const [seen, ended, , events] = await follow('A stolen session')
        assert.ok(seen!.includes(account.id))
        assert.match(events!, /account\.disabled[\s\S]*sessions\.ended[\s\S]*sign_in\.succeeded/)
        assert.match(ended!, /Ended 1 session\.[\s\S]*Ended 0 sessions\./)
        assert.equal(await statusOf(token), 400)
        assert.equal(await statusOf(other), 200)
        assert.equal(await signInStatus(), 201, 'it was given back')
        const done = await eventTypes()
        for (const type of ['sessions.ended', 'account.disabled', 'account.enabled'])
          assert.ok(done.includes(type as never), type)
      },
      async 'Mass guessing'() {
        for (let guess = 0; guess < 11; guess++)
          await send(`${service.url}/v1/sessions`, {
            json: { email: account.email, password: `guess number ${guess}` },
            headers: { 'x-forwarded-for': '198.51.100.1' },
          })
        assert.equal(await signInStatus(), 429)
        const [limits, guesses, , rightGuesses] = await follow('Mass guessing')
        assert.match(limits!, /auth_limited_total\{limit="sign_in_by_address_and_network"\} \d/)
        assert.match(guesses!, new RegExp(`${account.email} +10 [\\s\\S]*198\\.51\\.100\\.1 `))
        assert.match(rightGuesses!, new RegExp(`sign_in\\.succeeded +${account.email}`))
        for (const deadline = Date.now() + 10_000; (await signInStatus()) !== 201; ) assert.ok(Date.now() < deadline)
      },
      async 'A leaked database'() {
        token = await signIn(service, account)
        const before = await currentKey()
        const [, rotated, done] = await follow('A leaked database')
        assert.equal(await statusOf(token), 400)
        assert.ok(!rotated!.includes(before))
        assert.ok(done!.includes('signing_key.dropped'))
      },
      async 'A leaked key'() {
        token = await signIn(service, account)
        const before = await currentKey()
        const [, needs, dropped] = await follow('A leaked key')
        assert.match(needs!, /^k1 +[\s\S]*needed by: [\s\S]*sessions/)
        assert.match(dropped!, /Ended \d+ sessions?\.[\s\S]* current /)
        assert.ok(!dropped!.includes(before))
        assert.equal(await statusOf(token), 400)
      },
      async 'Mail is down'() {
        const [health, parked] = await follow('Mail is down')
        assert.match(health!, /"mail":"(ok|degraded|unknown)"[\s\S]*auth_queue_longest_due_seconds \d/)
        assert.match(parked!, /auth_queue_parked_messages 0/)
      },
      async 'Database failover'() {
        token = await signIn(service, account)
        const before = await signingKeysOf(service.service)
        const [health, commands, , again, all] = await follow('Database failover')
        assert.match(health!, /"status":"ok"/)
        assert.match(commands!, /created at[\s\S]*current/)
        assert.match(again!, /Disabled [\s\S]* current /)
        assert.match(all!, /Ended \d+ sessions?\./)
        assert.equal(await statusOf(token), 400)
        assert.equal(await signInStatus(), 403)
        const after = await signingKeysOf(service.service)
        assert.ok(!after.some(id => before.includes(id)))
      },
      async 'A restored backup'() {
        await using backup = await backupOfAnother()
        const { data, secretKey: k1 } = backup
        const [, settings] = /`AUTH_SECRET_KEY=(k2:…,k1:…:retired)`/.exec(DOCUMENT.split('## A restored backup')[1]!)!
        const secretKey = settings!.replace('k2:…', KeyRing.generate('k2')).replace('k1:…', k1)
        const env = { ...environmentOf(data), AUTH_SECRET_KEY: secretKey, ACCOUNT: backup.deleted.email }
        const steps = stepsOf('A restored backup')
        const printed = []
        for (const step of steps.slice(0, -1)) printed.push(await runBlock(step, env))
        assert.ok(printed[0]!.includes(NEWER))
        assert.match(printed[1]!, /account\.enabled [^\n]*before-backup/)
        assert.match(printed.join(''), /Ended 1 session\.[\s\S]*Disabled [\s\S]*Enabled [\s\S]*Deleted /)
        await using restored = await startTestService(kind, { data, env: { AUTH_SECRET_KEY: secretKey } })
        const status = await runBlock(steps.at(-1)!, { ...env, ACCOUNT: backup.account.email })
        assert.match(status, /^k2 +makes [\s\S]*^k1 +retired /m)
        assert.equal((await exchange(restored, backup.token)).status, 400)
        assert.ok(await signIn(restored, backup.account))
        await assert.rejects(signIn(restored, backup.deleted), /sign-in answered 401/)
        const keys = await signingKeysOf(restored.service)
        assert.ok(!keys.some(id => backup.keys.includes(id)))
      },
      async 'What took too long'() {
        const [missed, health] = await follow('What took too long')
        for (const what of DEADLINES) {
          assert.match(missed!, new RegExp(`what="${what}"`))
          assert.ok(DOCUMENT.includes(`| \`${what}\` |`), what)
        }
        assert.match(health!, /"status":"ok"/)
      },
      async 'The log cannot be written'() {
        const [dropped, events] = await follow('The log cannot be written')
        assert.match(dropped!, /^auth_log_lines_dropped_total 0$/m)
        assert.match(events!, /session/)
      },
    }

    async function makeOlder({ database }: Service) {
      await sql`drop index audit_event_operator`.execute(database)
      await sql`delete from migration where name = ${NEWER}`.execute(database)
    }

    /** A copy of what a service of the version before with two accounts and a session has stored, hours old. */
    async function backupOfAnother() {
      await using original = await startTestService(kind)
      const account = await confirmedAccount(original)
      const deleted = await confirmedAccount(original)
      const { database } = original.service
      await disableAccount(database, account.id, 'before-backup')
      await enableAccount(database, account.id, 'before-backup')
      const token = await signIn(original, account)
      const keys = await signingKeysOf(original.service)
      await makeOlder(original.service)
      await original.service[Symbol.asyncDispose]()
      await using copied = new AsyncDisposableStack()
      const { path: dataDirectory } = copied.use(await emptyDirectory())
      cpSync(original.dataDirectory, dataDirectory, { recursive: true })
      const secretKey = original.databaseUrl
        ? SECRET_KEY
        : readFileSync(join(dataDirectory, 'secret-key'), 'utf8').trim()
      let databaseUrl: string | undefined
      if (original.databaseUrl) {
        const template = new URL(original.databaseUrl).pathname.slice(1)
        databaseUrl = copied.use(await createTestDatabase({ template })).url
        await using database = postgresDatabase(databaseUrl, pino({ level: 'silent' }))
        await sql`update secret_key set made_at = made_at - interval '6 hours'`.execute(database)
      }
      const parts = copied.move()
      const data = { dataDirectory, databaseUrl }
      return { data, secretKey, account, deleted, token, keys, [Symbol.asyncDispose]: () => parts.disposeAsync() }
    }

    /** The ids of the signing keys in the database; a process follows it within a minute. */
    const signingKeysOf = async ({ database }: Service) =>
      (await database.selectFrom('signing_key').select('id').execute()).map(({ id }) => id)

    const currentKey = async () => /^(\S+) +\S+ +current/m.exec(await shell('auth-service keys list'))![1]!

    for (const [section, check] of Object.entries(CHECKS)) test(section, check)

    test('no section is left out', () => {
      assert.deepEqual([...SECTIONS.keys()], Object.keys(CHECKS))
    })
  })
