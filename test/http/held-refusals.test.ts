import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HeldRefusals } from '../../src/http/held-refusals.ts'

const AT_ONCE = 20

/** Whether it goes on without waiting for a timer. */
const isAtOnce = (waiting: Promise<void>) =>
  Promise.race([waiting.then(() => true), new Promise<false>(resolve => setImmediate(resolve, false))])

test('a refusal now and then is answered at once, one of many is held', async () => {
  let now = 0
  const held = new HeldRefusals(() => now)
  for (let count = 0; count < AT_ONCE; count++) assert.equal(await isAtOnce(held.wait()), true)
  assert.equal(await isAtOnce(held.wait()), false)
  assert.equal(held.count, 1)
  now = 1_000
  assert.equal(await isAtOnce(held.wait()), true, 'in the next second')
  held.release()
})

test('what is held goes when the service stops, and nothing is held after', async () => {
  const held = new HeldRefusals(() => 0)
  const waiting = Array.from({ length: 3 * AT_ONCE }, () => held.wait())
  held.release()
  await Promise.all(waiting)
  assert.equal(held.count, 0)
  assert.equal(await isAtOnce(held.wait()), true)
})

test('no more are held than there is room for', async () => {
  const held = new HeldRefusals(() => 0)
  const waiting = Array.from({ length: 5_000 }, () => held.wait())
  assert.equal(held.count, 1_500)
  assert.equal(await isAtOnce(held.wait()), true)
  held.release()
  await Promise.all(waiting)
})
