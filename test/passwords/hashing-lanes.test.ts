import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { test } from 'node:test'
import { OverloadedError } from '../../src/passwords/fair-lanes.ts'
import { HashingLanes } from '../../src/passwords/hashing-lanes.ts'

const STRANGER = { network: '192.0.2.1' }

// All that follows from a promise happens in microtasks, which are over when the event loop turns.
const settled = () => new Promise(resolve => setImmediate(resolve))

/** Makes attempts whose hashes go on until they are told to end. */
function attemptsIn(lanes: HashingLanes) {
  const counted = { begun: 0, hashing: 0 }
  const hashes: PromiseWithResolvers<void>[] = []
  const attempt = () =>
    lanes.run(STRANGER, async turn => {
      counted.begun++
      await turn.hash(() => {
        counted.hashing++
        hashes.push(Promise.withResolvers())
        return hashes.at(-1)!.promise
      })
    })
  const endOne = async () => {
    hashes.shift()!.resolve()
    await settled()
  }
  return { counted, attempt, endOne }
}

test('by default one core and one thread of the pool stay free [R31]', () => {
  assert.equal(new HashingLanes().lanes, Math.min(3, Math.max(1, availableParallelism() - 1)))
})

test('of many attempts each lane hashes one, one more is made ready, and the others have not begun [R31]', async () => {
  const lanes = new HashingLanes({ lanes: 2 })
  const { counted, attempt, endOne } = attemptsIn(lanes)
  const all = Array.from({ length: 50 }, attempt)
  await settled()
  assert.deepEqual(counted, { begun: 3, hashing: 2 })
  assert.deepEqual([lanes.running, lanes.waiting], [2, 47])
  await endOne()
  assert.deepEqual(counted, { begun: 4, hashing: 3 })
  for (let ended = 1; ended < 50; ended++) await endOne()
  await Promise.all(all)
  assert.deepEqual([lanes.started, lanes.running, lanes.waiting, lanes.refused], [50, 0, 0, 0])
})

test('64 attempts wait by default, and the next one is refused [R31]', async () => {
  const lanes = new HashingLanes({ lanes: 1 })
  const { attempt, endOne } = attemptsIn(lanes)
  const all = Array.from({ length: 66 }, attempt)
  await settled()
  assert.equal(lanes.waiting, 64)
  await assert.rejects(attempt(), OverloadedError)
  assert.equal(lanes.refused, 1)
  for (let ended = 0; ended < 66; ended++) await endOne()
  await Promise.all(all)
})

test('an attempt that ends without a hash passes its turn on', async () => {
  const lanes = new HashingLanes({ lanes: 1, capacity: 3 })
  const limited = Array.from({ length: 5 }, () => lanes.run(STRANGER, () => Promise.reject(new Error('too many'))))
  for (const outcome of await Promise.allSettled(limited)) assert.equal(outcome.status, 'rejected')
  assert.deepEqual([lanes.started, lanes.waiting, lanes.refused], [0, 0, 0])
})

test('strangers who take all places leave those of known devices [R37]', async () => {
  const lanes = new HashingLanes({ lanes: 1, capacity: 2 })
  const { attempt, endOne } = attemptsIn(lanes)
  const strangers = Array.from({ length: 4 }, attempt)
  await settled()
  await assert.rejects(attempt(), OverloadedError)
  const known = lanes.run({ network: '192.0.2.9', knownAs: 'an account' }, turn => turn.hash(async () => 'in'))
  for (let ended = 0; ended < 2; ended++) await endOne()
  assert.equal(await known, 'in')
  for (let ended = 2; ended < 4; ended++) await endOne()
  await Promise.all(strangers)
})

test('known devices of many accounts on one network keep those on other networks neither out nor waiting [R37]', async () => {
  const lanes = new HashingLanes({ lanes: 1 })
  const { attempt, endOne } = attemptsIn(lanes)
  const running = [attempt(), attempt()]
  const served: string[] = []
  const comes = (name: string, network: string) =>
    lanes.run({ network, knownAs: name }, turn => turn.hash(async () => void served.push(name)))
  const crowd = Array.from({ length: 130 }, (_, account) => comes(`crowd ${account}`, '192.0.2.1'))
  const settledCrowd = Promise.allSettled(crowd)
  const honest = Array.from({ length: 40 }, (_, device) => comes(`honest ${device}`, `198.51.100.${device}`))
  for (const _ of running) await endOne()
  await Promise.all([...running, ...honest])
  await settledCrowd
  assert.deepEqual(served.slice(0, 2), ['crowd 0', 'honest 0'])
  assert.equal(served.slice(0, 42).filter(name => name.startsWith('honest')).length, 40)
})

test('one account on known devices takes two places of theirs, whatever the number of its networks [R37]', async () => {
  const lanes = new HashingLanes({ lanes: 1 })
  const { attempt, endOne } = attemptsIn(lanes)
  const running = [attempt(), attempt()]
  const served: string[] = []
  const comes = (name: string, network: string) =>
    lanes.run({ network, knownAs: name }, turn => turn.hash(async () => void served.push(name)))
  const crowd = Array.from({ length: 130 }, (_, network) => comes('crowd', `2001:db8:0:${network}::/64`))
  const settledCrowd = Promise.allSettled(crowd)
  const honest = Array.from({ length: 62 }, (_, device) => comes(`honest ${device}`, `198.51.100.${device}`))
  for (const _ of running) await endOne()
  await Promise.all([...running, ...honest])
  const outcomes = await settledCrowd
  assert.equal(
    outcomes.filter(({ status }) => status === 'fulfilled').length,
    2 + 64,
    'the others waited with strangers',
  )

  const strangers = Array.from({ length: 66 }, attempt)
  await settled()
  const again = comes('crowd', '2001:db8::/64')
  for (const _ of strangers) await endOne()
  await Promise.all([again, ...strangers])
})

test('closing lets the attempt that has its turn hash to the end, and refuses what waits', async () => {
  const lanes = new HashingLanes({ lanes: 1 })
  const { counted, attempt, endOne } = attemptsIn(lanes)
  const [first, second, third] = [attempt(), attempt(), attempt()]
  await settled()
  lanes.close()
  await assert.rejects(third, OverloadedError)
  await endOne()
  await endOne()
  await Promise.all([first, second])
  assert.deepEqual(counted, { begun: 2, hashing: 2 })
})
