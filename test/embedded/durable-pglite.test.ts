import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs, { readlinkSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { after, before, type Mock, mock, test } from 'node:test'
import type { PGlite } from '@electric-sql/pglite'
import { openDurablePGlite } from '../../src/embedded/durable-pglite.ts'
import { type EmbeddedCopies, embeddedCopies } from '../support/embedded-copies.ts'
import { moduleOf, startNode } from '../support/node-child.ts'

let databases: EmbeddedCopies
let pglite: PGlite
let sync: Mock<typeof fs.fdatasyncSync>

before(async () => {
  sync = mock.method(fs, 'fdatasyncSync')
  syncBuiltinESMExports()
  databases = await embeddedCopies('create table entry (n int)')
  pglite = await openDurablePGlite(databases.copy(), {
    log: () => {},
    end: () => process.exit(1),
  })
})
after(async () => {
  await pglite.close()
  mock.restoreAll()
  syncBuiltinESMExports()
  await databases[Symbol.asyncDispose]()
})

/** The files that are synced meanwhile, by their folder. */
async function syncedBy(run: () => Promise<unknown>): Promise<string[]> {
  const synced: string[] = []
  sync.mock.mockImplementation((fd: number) => {
    synced.push(readlinkSync(`/proc/self/fd/${fd}`).split('/').at(-2)!)
  })
  await run()
  return synced
}

const onLinux = { skip: process.platform !== 'linux' && 'only Linux tells what a descriptor is of' }

test('a commit reaches the disk before it is acknowledged, and reading syncs nothing', onLinux, async () => {
  assert.deepEqual(await syncedBy(() => pglite.query('insert into entry values (1)')), ['pg_wal'])
  assert.deepEqual(await syncedBy(() => pglite.query('select * from entry')), [])
})

test('a checkpoint syncs the tables and the directories', onLinux, async () => {
  const synced = await syncedBy(() => pglite.query('checkpoint'))
  assert.ok(synced.includes('5'), synced.join()) // base/5, the folder of the database
  assert.ok(synced.includes('global'), synced.join())
})

test('a commit that the disk does not take ends PostgreSQL and is never acknowledged', async () => {
  await using writer = startNode(
    `import fs from 'node:fs'
    import { syncBuiltinESMExports } from 'node:module'
    import { openDurablePGlite } from ${moduleOf('embedded/durable-pglite.ts')}
    const pglite = await openDurablePGlite(args[0]!, { log: () => {}, end: () => process.exit(7) })
    await pglite.query('insert into entry values (1)')
    console.log('acknowledged')
    fs.fdatasyncSync = () => { throw Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' }) }
    syncBuiltinESMExports()
    await pglite.query('insert into entry values (2)')
    console.log('acknowledged')`,
    databases.copy(),
  )
  const ended = once(writer.process, 'exit')
  assert.equal(await writer.line(), 'acknowledged')
  await assert.rejects(writer.line(), /it ended/)
  assert.deepEqual(await ended, [7, null])
})
