import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alteredSource } from '../support/altered-source.ts'
import { ServiceProcess } from '../support/process.ts'

test('A process runs the service with its source altered', async () => {
  const alterations = [{ file: 'version.ts', find: 'export const', replace: "console.log('altered')\nexport const" }]
  await using altered = new ServiceProcess({}, ['--version'], alterations)
  assert.match((await altered.ended()).stdout, /^altered\n\d/)
  await using plain = new ServiceProcess({}, ['--version'])
  assert.match((await plain.ended()).stdout, /^\d/)
})

test('An alteration that does not fit its file is refused', () => {
  const of = (find: string) => () => alteredSource([{ file: 'version.ts', find, replace: '' }])
  assert.throws(of('no such text'), /stand once in src\/version\.ts\. Found 0 times/)
  assert.throws(of('e'), /Found \d+ times/)
})
