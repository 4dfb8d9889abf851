import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createTestDatabase } from '../support/database.ts'
import { ServiceProcess } from '../support/process.ts'
import { SECRET_KEY } from '../support/service.ts'

const MOST_FILES = 180 // of which 29 are of packages; from the packages' own files it would be ten times as many

test('a start on PostgreSQL loads only so many files, and none of the embedded database', async () => {
  await using database = await createTestDatabase()
  const directory = await mkdtemp(join(tmpdir(), 'auth-test-'))
  try {
    const list = join(directory, 'loaded')
    await using service = new ServiceProcess({
      AUTH_DATABASE_URL: database.url,
      AUTH_SECRET_KEY: SECRET_KEY,
      AUTH_DATA_DIR: directory,
      AUTH_SMTP_URL: 'smtp://127.0.0.1:9',
      NODE_OPTIONS: `--import=${new URL('../support/list-loaded-files.ts', import.meta.url)}`, // no path, which may have a space
      TEST_LOADED_FILES: list,
    })
    await service.started()
    const files = (await readFile(list, 'utf8')).trim().split('\n')
    assert.ok(
      files.some(file => file.endsWith('src/service.ts')),
      'the list is that of the service',
    )
    assert.ok(
      files.some(file => file.includes('/build/packages/')),
      'packages come from the gathered files',
    )
    assert.ok(files.length <= MOST_FILES, `it loaded ${files.length} files`)
    assert.deepEqual(
      files.filter(file => /@electric-sql|smtp-server|mailparser/.test(file)),
      [],
    )
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
