import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { type Ended, ServiceProcess } from '../support/process.ts'
import { auditOf, run } from './audit-process.ts'
import { BUILDS } from './broken-builds.ts'

test('strangers cannot tell who has an account on PGlite [R01]', async () => {
  const { code, stdout, stderr } = await auditOf('PGlite')
  assert.equal(code, 0, stdout + stderr)
  assert.match(stdout, /^The addresses cannot be told apart\.$/m)
  for (const request of ['POST /v1/accounts', 'POST /v1/sessions', 'POST /v1/confirmation-letters', 'POST /sign-up'])
    assert.match(stdout, new RegExp(`${request} +(201|303|401|202) +alike +alike`))
  assert.equal(stdout.match(/1 each/g)?.length, 2)
})

test('strangers cannot tell who has an account on PostgreSQL, by JSON with the latency [R01]', async () => {
  const { code, stdout, stderr } = await auditOf('PostgreSQL', [], ['--samples', '2', '--json'])
  assert.equal(code, 0, stdout + stderr)
  const { isToldApart, endpoints } = JSON.parse(stdout)
  assert.equal(isToldApart, false)
  for (const { name, differences } of endpoints) assert.deepEqual(differences, [], name)
  const signUp = endpoints.find(({ name }: { name: string }) => name === 'sign-up')
  assert.deepEqual(signUp.letters, { unknown: 1, unconfirmed: 1, confirmed: 1 })
  assert.deepEqual(signUp.latency.pairs[0].counts, [2, 2])
  assert.match(stderr, /^This makes about 107 accounts and 139 letters/m)
  assert.match(stderr, /^100 % asked$/m)
})

describe('on a service that is broken on purpose,', { concurrency: 2 }, () => {
  for (const [build, broken] of Object.entries(BUILDS))
    describe(`the audit ${build}`, () => {
      let ended: Ended
      before(async () => {
        ended = await auditOf(
          'PGlite',
          broken.map(({ alteration }) => alteration),
        )
      })
      test('says that strangers can tell, by its exit code too', () => {
        assert.equal(ended.code, 1, ended.stdout + ended.stderr)
        assert.match(ended.stdout, /^Strangers can tell who has an account, by: /m)
      })
      for (const { what, finds } of broken) test(`finds ${what}`, () => assert.match(ended.stdout, finds))
    })
})

describe('the audit is not begun', () => {
  const refused: { what: string; args: string[]; says: RegExp }[] = [
    { what: 'without --url', args: [], says: /Needed: --url/ },
    { what: 'with an option that it does not have', args: ['--uri', 'http://localhost'], says: /Found: .*--uri/ },
    { what: 'with a URL that is no origin', args: ['--url', 'localhost:1'], says: /Needed: --url: an origin/ },
    { what: 'with one sample', args: ['--url', 'http://localhost:1', '--samples', '1'], says: /whole number from 2/ },
    {
      what: 'away from this machine without --yes',
      args: ['--url', 'https://auth.example.com'],
      says: /Needed: --yes.*\n.*14,093 accounts and 22,117 letters/,
    },
    { what: 'where nothing answers', args: ['--url', 'http://localhost:1'], says: /Needed: the service to answer at/ },
    {
      what: 'without the password of a confirmed account',
      args: ['--url', 'http://localhost:1', '--confirmed', 'ann@example.com'],
      says: /Needed: the password.*first line/,
    },
  ]
  for (const { what, args, says } of refused)
    test(what, async () => {
      const { code, stdout, stderr } = await run(...args)
      assert.equal(code, 2, stdout)
      assert.match(stderr, says)
      assert.match(stderr, /Do: +\S/)
    })
})

test('--help names the command, and its own --help every option', async () => {
  await using help = new ServiceProcess({}, ['--help'])
  assert.match((await help.ended()).stdout, /^ +audit enumeration +test whether a stranger/m)
  const { code, stdout } = await run('--help')
  assert.equal(code, 0)
  const options = ['url', 'samples', 'no-latency', 'domain', 'confirmed', 'ignore-header', 'yes', 'json']
  for (const option of options) assert.match(stdout, new RegExp(`^ +--${option} `, 'm'))
})
