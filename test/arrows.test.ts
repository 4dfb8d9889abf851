import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { suite, test } from 'node:test'
import packageJson from '../package.json' with { type: 'json' }
import { AREAS, findCircle, findFaults, PACKAGES } from './support/arrows.ts'

const src = join(import.meta.dirname, '../src')

suite('areas keep their arrows', () => {
  test('every import of src goes along an arrow, and every package stays at home', () => {
    const files = globSync('**/*.ts', { cwd: src })
    const modules = files.map(file => ({
      file: file.replaceAll(sep, '/'),
      source: readFileSync(join(src, file), 'utf8'),
    }))
    const faults = findFaults(modules)
    assert.ok(faults.length === 0, faults.join('\n'))
  })

  test('the arrows form no circle', () => {
    const folders = Object.entries(AREAS).map(([area, { imports }]) => [
      area,
      imports.map(name => name.split('/')[0] ?? ''),
    ])
    assert.equal(findCircle(new Map(folders as [string, string[]][])), undefined)
  })

  test('the packages with a home are the packages that the service depends on [R87]', () => {
    assert.deepEqual(Object.keys(PACKAGES).sort(), Object.keys(packageJson.dependencies).sort())
  })
})

suite('the check of the arrows finds', () => {
  const refused: { what: string; file: string; source: string; because: RegExp }[] = [
    {
      what: 'an import against the arrows',
      file: 'accounts/create-account.ts',
      source: "import { sendLetter } from '../confirmation/send-letter.ts'",
      because:
        /^accounts\/create-account.ts imports confirmation\/send-letter.ts, but accounts may import only .*knows nobody who listens/,
    },
    {
      what: 'an import of a type',
      file: 'accounts/create-account.ts',
      source: "import type { Mailer } from '../email/mailer.ts'",
      because: /email\/mailer.ts/,
    },
    {
      what: 'an import over several lines, with comments',
      file: 'storage/queue.ts',
      source:
        "import {\n  // it isn't much\n  type Account, /* 'quoted' */\n  readAccount,\n} from '../accounts/account-store.ts'",
      because: /storage may import only/,
    },
    {
      what: 'an export from elsewhere',
      file: 'http/problem.ts',
      source: "export { errors } from '../accounts/errors.ts'",
      because: /http may import only/,
    },
    {
      what: 'an export of everything',
      file: 'http/problem.ts',
      source: "export * as errors from '../accounts/errors.ts'",
      because: /http may import only/,
    },
    {
      what: 'an import for its side effect',
      file: 'email/smtp.ts',
      source: "import '../embedded/mailbox.ts'",
      because: /email may import only/,
    },
    {
      what: 'a dynamic import',
      file: 'storage/database.ts',
      source: "export async function open() {\n  return (await import('../embedded/database.ts')).open()\n}",
      because: /storage may import only/,
    },
    {
      what: 'an import of a type inside a type',
      file: 'storage/database.ts',
      source: "export type Row = import('../accounts/account-store.ts').Row",
      because: /storage may import only/,
    },
    {
      what: 'a computed import',
      file: 'storage/database.ts',
      source: 'const open = (name: string) => import(name)',
      because: /computes what it imports/,
    },
    {
      what: 'require',
      file: 'storage/database.ts',
      source: "const { open } = createRequire(import.meta.url)('../embedded/database.ts')",
      because: /uses require/,
    },
    {
      what: 'an alias',
      file: 'storage/database.ts',
      source: "import { open } from '#embedded/database.ts'",
      because: /relative path/,
    },
    {
      what: 'an import from outside src',
      file: 'storage/database.ts',
      source: "import { startPostgres } from '../../test/support/postgres.ts'",
      because: /outside src/,
    },
    {
      what: 'a folder without a row',
      file: 'billing/invoice.ts',
      source: "import { inTransaction } from '../storage/database.ts'",
      because: /nothing is known of billing/,
    },
    {
      what: 'a value of the configuration in an area',
      file: 'tokens/access-token.ts',
      source: "import { readConfig } from '../config.ts'",
      because: /types only/,
    },
    {
      what: 'a leaf that imports an area',
      file: 'log.ts',
      source: "import { openDatabase } from './storage/database.ts'",
      because: /every area may import log.ts/,
    },
    {
      what: 'an area that imports another file of the top',
      file: 'tokens/routes.ts',
      source: "import { version } from '../version.ts'",
      because: /tokens may import only/,
    },
    {
      what: 'an import of service.ts',
      file: 'pages/routes.ts',
      source: "import type { Service } from '../service.ts'",
      because: /only main.ts starts it/,
    },
    {
      what: 'an import of main.ts',
      file: 'service.ts',
      source: "import { run } from './main.ts'",
      because: /main.ts is the command line/,
    },
    {
      what: 'a package away from its home',
      file: 'accounts/create-account.ts',
      source: "import { hash } from '@node-rs/argon2'",
      because: /@node-rs\/argon2, whose home is passwords/,
    },
    {
      what: 'a part of a package away from its home',
      file: 'accounts/create-account.ts',
      source: "import { nodefs } from '@electric-sql/pglite/nodefs'",
      because: /@electric-sql\/pglite, whose home is embedded/,
    },
    {
      what: 'a type of a package whose types are not for everybody',
      file: 'accounts/create-account.ts',
      source: "import type { FastifyRequest } from 'fastify'",
      because: /fastify, whose home/,
    },
    {
      what: 'a package without a home',
      file: 'http/server.ts',
      source: "import leftPad from 'left-pad'",
      because: /left-pad: give it a home/,
    },
    {
      what: 'a reader of the environment',
      file: 'tokens/access-token.ts',
      source: "const issuer = process.env.AUTH_URL ?? ''",
      because: /only config.ts does/,
    },
    {
      what: 'a reader of the environment by another name',
      file: 'tokens/access-token.ts',
      source: "import { env } from 'node:process'",
      because: /only config.ts does/,
    },
  ]
  for (const { what, file, source, because } of refused)
    test(what, () => {
      const faults = findFaults([{ file, source }])
      assert.equal(faults.length, 1, faults.join('\n'))
      assert.match(faults[0] ?? '', because)
    })

  test('a circle', () => {
    const faults = findFaults([
      { file: 'http/a.ts', source: "import './b.ts'" },
      { file: 'http/b.ts', source: "export type { C } from './c.ts'" },
      { file: 'http/c.ts', source: "import { a } from './a.ts'" },
    ])
    assert.deepEqual(faults, [
      'http/a.ts → http/b.ts → http/c.ts → http/a.ts is a circle: move what both ends need to a file of its own.',
    ])
  })

  test('that it was given nothing to check', () => {
    assert.match(findFaults([]).join(), /No module was read/)
  })

  test('nothing wrong with what is allowed', () => {
    const faults = findFaults([
      {
        file: 'accounts/routes.ts',
        source: "import type { Config } from '../config.ts'\nimport Fastify from 'fastify'",
      },
      { file: 'accounts/ticket.ts', source: "import { Address } from '../email/address.ts'\nimport './errors.ts'" },
      { file: 'embedded/database.ts', source: "import type { Logger } from 'pino'\nimport { log } from '../log.ts'" },
      {
        file: 'sessions/session-store.ts',
        source: "const query = sql`select *\nfrom '../accounts/x'`\n// import('x')",
      },
      { file: 'config.ts', source: "import { isIP } from 'node:net'\nexport const read = () => process.env" },
      { file: 'version.ts', source: "import packageJson from '../package.json' with { type: 'json' }" },
      { file: 'main.ts', source: "import { start } from './service.ts'" },
    ])
    assert.deepEqual(faults, [])
  })
})
