import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { suite, test } from 'node:test'

suite('npm run prove', () => {
  const refused: [args: string[], because: RegExp][] = [
    [['F0'], /The experiments are F\d+, .*Found: F0/],
    [['F9', '--trials', '0'], /--trials takes a whole number from 1 on\. Found: 0/],
    [['F9', '--seed', 'x'], /--seed takes a whole number from 0 on\. Found: x/],
    [['--fast'], /Unknown option '--fast'/],
  ]
  for (const [args, because] of refused)
    test(`does not run with ${args.join(' ')}, and says why`, () => {
      const prove = join(import.meta.dirname, 'prove.ts')
      const { status, stdout } = spawnSync(process.execPath, [prove, ...args], { encoding: 'utf8' })
      assert.equal(status, 1)
      assert.match(stdout, because)
    })
})
