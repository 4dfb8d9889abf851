import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { FairLanes, type FairLanesOptions, type Line, OverloadedError } from '../../src/passwords/fair-lanes.ts'

/** Work that goes on until it is told to end, and tells the order in which its pieces began. */
function workshop({ capacity = 64, ...options }: Pick<FairLanesOptions, 'lanes'> & Partial<FairLanesOptions>) {
  const lanes = new FairLanes({ capacity, ...options })
  const begun: string[] = []
  const endings = new Map<string, PromiseWithResolvers<string>>()

  /** Asks for a piece of work named by its share and a number; what becomes of it is told by `outcome`. */
  function ask(name: string, signal?: AbortSignal, line: Line = 'strangers'): { outcome: Promise<unknown> } {
    const ending = Promise.withResolvers<string>()
    endings.set(name, ending)
    const work = () => {
      begun.push(name)
      return ending.promise
    }
    return { outcome: lanes.run([name.slice(0, 1)], work, { line, ...(signal && { signal }) }).catch(error => error) }
  }

  async function end(name: string): Promise<void> {
    endings.get(name)?.resolve(`${name} done`)
    await settled()
  }

  return { lanes, begun, ask, end }
}

// All that follows from a promise happens in microtasks, which are over when the event loop turns.
const settled = () => new Promise(resolve => setImmediate(resolve))

test('no more work runs at once than there are lanes, and all of it is done [R31]', async () => {
  const lanes = new FairLanes({ lanes: 3, capacity: 100 })
  let running = 0
  let most = 0
  const work = async (number: number) => {
    most = Math.max(most, ++running)
    assert.equal(lanes.running, running)
    await settled()
    running--
    return number
  }
  const numbers = Array.from({ length: 50 }, (_, number) => number)
  const done = await Promise.all(numbers.map(number => lanes.run([`network ${number % 7}`], () => work(number))))
  assert.deepEqual(done, numbers)
  assert.equal(most, 3)
  assert.deepEqual([lanes.running, lanes.waiting, lanes.started, lanes.refused], [0, 0, 50, 0])
})

test('lanes that could never do any work are refused', () => {
  assert.throws(() => new FairLanes({ lanes: 0, capacity: 1 }), RangeError)
  assert.throws(() => new FairLanes({ lanes: Number.NaN, capacity: 1 }), RangeError)
})

test('a single request is served next although another network has 60 waiting', async () => {
  const { lanes, begun, ask, end } = workshop({ lanes: 1 })
  for (let number = 0; number <= 60; number++) ask(`a${number}`)
  ask('b0')
  assert.equal(lanes.waiting, 61)
  await end('a0')
  assert.deepEqual(begun, ['a0', 'b0'])
  await end('b0')
  assert.deepEqual(begun, ['a0', 'b0', 'a1'])
})

test('in a full queue another network displaces the newest of the flood, which is told so', async () => {
  const { lanes, begun, ask, end } = workshop({ lanes: 1, capacity: 3 })
  ask('a0')
  ask('a1')
  ask('a2')
  const displaced = ask('a3')
  ask('b0')
  const error = await displaced.outcome
  assert.ok(error instanceof OverloadedError)
  assert.ok(error.retryAfterSeconds >= 1)
  assert.deepEqual([lanes.waiting, lanes.refused], [3, 1])
  for (const name of ['a0', 'b0', 'a1', 'a2']) await end(name)
  assert.deepEqual(begun, ['a0', 'b0', 'a1', 'a2'])
})

test('a full line of strangers neither keeps those out who are known nor makes them wait for more than one of it', async () => {
  const { lanes, begun, ask, end } = workshop({ lanes: 1, capacity: 3 })
  const known = (name: string) => ask(name, undefined, 'known')
  ask('a0')
  for (const name of ['b0', 'c0', 'd0']) ask(name)
  assert.ok((await ask('e0').outcome) instanceof OverloadedError)
  for (const name of ['x0', 'x1', 'y0']) known(name)
  assert.equal(lanes.waiting, 6)
  for (const name of ['a0', 'x0', 'b0', 'y0', 'c0', 'x1', 'd0']) await end(name)
  assert.deepEqual(begun, ['a0', 'x0', 'b0', 'y0', 'c0', 'x1', 'd0'])
})

test('in a full queue the flooding network itself is refused at once', async () => {
  const { lanes, ask } = workshop({ lanes: 1, capacity: 2 })
  ask('a0')
  ask('a1')
  ask('a2')
  assert.ok((await ask('a3').outcome) instanceof OverloadedError)
  assert.deepEqual([lanes.running, lanes.waiting, lanes.refused], [1, 2, 1])
})

test('when to come again follows from what waits and how long it took [R31]', async () => {
  let milliseconds = 0
  const lanes = new FairLanes({ lanes: 1, capacity: 4, now: () => milliseconds })
  const slow = async () => {
    milliseconds += 3000
  }
  for (let number = 0; number < 100; number++) await lanes.run(['a'], slow)

  const ending = Promise.withResolvers<void>()
  const five = Array.from({ length: 5 }, () => lanes.run(['a'], () => ending.promise))
  await assert.rejects(
    lanes.run(['a'], () => ending.promise),
    { code: 'overloaded', retryAfterSeconds: 15 },
  )
  ending.resolve()
  await Promise.all(five)
})

test('when to come again is one second at least, also when nothing runs', async () => {
  const { lanes, ask } = workshop({ lanes: 1 })
  lanes.close()
  const error = await ask('a0').outcome
  assert.ok(error instanceof OverloadedError)
  assert.equal(error.retryAfterSeconds, 1)
})

test('waiting work whose client has gone is dropped and frees its place', async () => {
  const { lanes, begun, ask, end } = workshop({ lanes: 1, capacity: 2 })
  const client = new AbortController()
  ask('a0')
  const gone = ask('a1', client.signal)
  ask('a2')
  client.abort(new Error('the client has gone'))
  assert.equal(lanes.waiting, 1)
  assert.equal(String(await gone.outcome), 'Error: the client has gone')
  const successor = ask('a3')
  await end('a0')
  await end('a2')
  await end('a3')
  assert.equal(await successor.outcome, 'a3 done')
  assert.deepEqual(begun, ['a0', 'a2', 'a3'])
  assert.equal(lanes.refused, 0)
})

test('work of a client that has gone before is not even queued', async () => {
  const { lanes, begun, ask } = workshop({ lanes: 1 })
  const { outcome } = ask('a0', AbortSignal.abort(new Error('the client has gone')))
  assert.equal(String(await outcome), 'Error: the client has gone')
  assert.deepEqual([lanes.running, lanes.started, begun.length], [0, 0, 0])
})

test('running work goes on when its client goes, and its lane is passed on once', async () => {
  const { lanes, begun, ask, end } = workshop({ lanes: 1 })
  const client = new AbortController()
  ask('a0')
  const running = ask('a1', client.signal)
  ask('a2')
  await end('a0')
  client.abort()
  assert.deepEqual([lanes.running, lanes.waiting], [1, 1])
  await end('a1')
  assert.equal(await running.outcome, 'a1 done')
  await end('a2')
  assert.deepEqual(begun, ['a0', 'a1', 'a2'])
  assert.equal(lanes.running, 0)
})

test('displaced work does not leave a second time when its client goes', async () => {
  const { lanes, ask } = workshop({ lanes: 1, capacity: 2 })
  const client = new AbortController()
  ask('a0')
  ask('a1')
  const displaced = ask('a2', client.signal)
  ask('b0')
  client.abort()
  assert.ok((await displaced.outcome) instanceof OverloadedError)
  assert.equal(lanes.waiting, 2)
})

test('a signal is let go once its work has begun or was refused', async () => {
  const { lanes, ask, end } = workshop({ lanes: 1 })
  const { signal } = new AbortController()
  ask('a0')
  ask('a1', signal)
  ask('a2', signal)
  assert.equal(getEventListeners(signal, 'abort').length, 2)
  await end('a0')
  assert.equal(getEventListeners(signal, 'abort').length, 1)
  lanes.close()
  assert.equal(getEventListeners(signal, 'abort').length, 0)
})

test('work that waits too long is refused and frees its place', async () => {
  const { lanes, begun, ask, end } = workshop({ lanes: 1, capacity: 1, longestWait: 1 })
  ask('a0')
  assert.ok((await ask('a1').outcome) instanceof OverloadedError)
  assert.deepEqual([lanes.waiting, lanes.refused], [0, 1])
  const successor = ask('a2')
  await end('a0')
  await end('a2')
  assert.equal(await successor.outcome, 'a2 done')
  assert.deepEqual(begun, ['a0', 'a2'])
})

test('work that fails passes its lane on', async () => {
  const lanes = new FairLanes({ lanes: 1, capacity: 2 })
  const failing = lanes.run(['a'], () => Promise.reject(new Error('no memory')))
  const throwing = lanes.run(['a'], () => {
    throw new Error('no argon2')
  })
  const next = lanes.run(['a'], async () => 'done')
  await assert.rejects(failing, /no memory/)
  await assert.rejects(throwing, /no argon2/)
  assert.equal(await next, 'done')
  assert.equal(lanes.running, 0)
})

test('closing refuses what waits and what comes, and lets what runs end', async () => {
  const { lanes, begun, ask, end } = workshop({ lanes: 1 })
  const running = ask('a0')
  const waiting = [ask('a1'), ask('b0')]
  lanes.close()
  const late = ask('c0')
  for (const { outcome } of [...waiting, late]) assert.ok((await outcome) instanceof OverloadedError)
  await end('a0')
  assert.equal(await running.outcome, 'a0 done')
  assert.ok((await ask('a2').outcome) instanceof OverloadedError)
  assert.deepEqual(begun, ['a0'])
  assert.deepEqual([lanes.running, lanes.waiting, lanes.refused], [0, 0, 4])
})
