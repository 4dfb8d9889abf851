import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileOf, GATHERED, gatheredDirectory, LEFT_ALONE, ROOT } from '../../startup/gathered-packages.mjs'

test('each package that the sources import is gathered, or known to be left alone', () => {
  const files = globSync('src/**/*.ts', { cwd: ROOT })
  const imported = files.flatMap(file => importedBy(readFileSync(join(ROOT, file), 'utf8')))
  assert.deepEqual([...new Set(imported)].toSorted(), [...GATHERED, ...LEFT_ALONE].toSorted())
})

/** The packages that a file imports more than types from. */
const importedBy = (text: string): string[] =>
  [...text.matchAll(/(?:^import (?!type )[^'\n]*|^} from |import\()'([^.'][^']*)'/gm)]
    .map(([, name]) => name!)
    .filter(name => !name.startsWith('node:'))

test('a gathered package exports what the package itself does', async () => {
  for (const name of GATHERED) {
    const own = Object.keys(await import(name)).filter(each => each !== 'module.exports')
    const gathered = Object.keys(await import(join(gatheredDirectory(), fileOf(name))))
    assert.deepEqual(gathered.toSorted(), own.toSorted(), name)
  }
})

test('gathering twice at once, over what an end half-way has left, leaves one whole folder', async () => {
  const copy = mkdtempSync(join(tmpdir(), 'auth-test-'))
  try {
    cpSync(join(ROOT, 'startup'), join(copy, 'startup'), { recursive: true })
    cpSync(join(ROOT, 'package-lock.json'), join(copy, 'package-lock.json'))
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
    mkdirSync(join(copy, 'build/packages/of-other-packages/entries'), { recursive: true })
    const gather = () => spawn(process.execPath, [join(copy, 'startup/gather-packages.mjs')], { stdio: 'inherit' })
    const codes = await Promise.all([gather(), gather()].map(async child => (await once(child, 'exit'))[0]))
    assert.deepEqual(codes, [0, 0])
    const folders = readdirSync(join(copy, 'build/packages'))
    assert.equal(folders.length, 1, `found ${folders}`)
    const missing = GATHERED.filter(
      name => !readdirSync(join(copy, 'build/packages', folders[0]!)).includes(fileOf(name)),
    )
    assert.deepEqual(missing, [])
  } finally {
    rmSync(copy, { recursive: true })
  }
})
