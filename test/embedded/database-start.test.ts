import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { pino } from 'pino'
import { openEmbeddedDatabase } from '../../src/embedded/database.ts'
import { OperatorError } from '../../src/operator-error.ts'
import { type EmbeddedCopies, embeddedCopies } from '../support/embedded-copies.ts'

let databases: EmbeddedCopies

before(async () => {
  databases = await embeddedCopies('create table entry (n int primary key)')
})
after(() => databases[Symbol.asyncDispose]())

const open = (directory: string) => openEmbeddedDatabase({ directory, logger: pino({ level: 'silent' }) })

describe('a start is refused, with what was found and what to do, over', () => {
  const faults: Record<string, { damage: (directory: string) => void; found: RegExp }> = {
    'a database of another version of PostgreSQL': {
      damage: directory => writeFileSync(join(directory, 'PG_VERSION'), '17\n'),
      found: /initialized by PostgreSQL version 17, which is not compatible with this version 18/,
    },
    'a damaged control file': {
      damage(directory) {
        const file = join(directory, 'global/pg_control')
        const content = readFileSync(file)
        content[100]! ^= 0xff
        writeFileSync(file, content)
      },
      found: /incorrect checksum in control file/,
    },
    'a missing control file': {
      damage: directory => rmSync(join(directory, 'global/pg_control')),
      found: /could not open file "global\/pg_control"/,
    },
    'a lost write-ahead log': {
      damage(directory) {
        rmSync(join(directory, 'pg_wal'), { recursive: true })
        mkdirSync(join(directory, 'pg_wal'))
      },
      found: /could not locate a valid checkpoint record/,
    },
    'a damaged catalog': {
      damage(directory) {
        const file = join(directory, 'base/5/1259')
        writeFileSync(file, readFileSync(file).fill(7, 0, 8_192))
      },
      found: /invalid page in block 0/,
    },
    'a database without its PG_VERSION, which is not overwritten': {
      damage: directory => rmSync(join(directory, 'PG_VERSION')),
      found: /files, but no PG_VERSION among them/,
    },
    'a file': {
      damage(directory) {
        rmSync(directory, { recursive: true })
        writeFileSync(directory, '')
      },
      found: /ENOTDIR/,
    },
  }
  for (const [what, { damage, found }] of Object.entries(faults))
    test(what, async () => {
      const directory = databases.copy()
      damage(directory)
      const error = await open(directory).then(
        () => assert.fail('it was opened'),
        error => error,
      )
      assert.ok(error instanceof OperatorError, String(error))
      assert.match(error.message, found)
      assert.ok(error.message.includes(directory))
      assert.match(error.message, /restore the directory from a backup/)
    })
})
