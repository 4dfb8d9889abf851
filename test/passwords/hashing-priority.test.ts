import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import { test } from 'node:test'
import { startTestService } from '../support/service.ts'

const NICE = 16 // the field after the name in proc(5)'s stat

/** The priority of each thread of this process, by the thread's name. */
function prioritiesOf(name: string): number[] {
  if (process.platform !== 'linux') return []
  const threads = readdirSync('/proc/self/task').map(thread => readFileSync(`/proc/self/task/${thread}/stat`, 'utf8'))
  return threads
    .filter(stat => stat.includes(`(${name}`))
    .map(stat => Number(stat.replace(/^.*\) /, '').split(' ')[NICE]))
}

test('hashing gives way to everything else, where threads have priorities of their own [R31]', async () => {
  const own = getPriority()
  await using _service = await startTestService('PostgreSQL')
  assert.deepEqual(new Set(prioritiesOf('libuv-worker')), below(own))
  assert.equal(getPriority(), own)
})

test('so it does in a process that gives way itself [R31]', async () => {
  const own = getPriority() + 7
  setPriority(own)
  await using _service = await startTestService('PostgreSQL')
  assert.deepEqual(new Set(prioritiesOf('libuv-worker')), below(own))
})

const below = (own: number) => new Set(process.platform === 'linux' ? [Math.min(own + 5, 19)] : [])
