import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FairQueue } from '../../src/passwords/fair-queue.ts'

function queueOf(capacity: number, ...items: string[]): FairQueue<string> {
  const queue = new FairQueue<string>(capacity)
  for (const item of items) assert.equal(queue.add([networkOf(item)], item), undefined)
  return queue
}

const networkOf = (item: string) => item.slice(0, 1)

function takeAll(queue: FairQueue<string>): string[] {
  const taken: string[] = []
  for (let item = queue.take(); item !== undefined; item = queue.take()) taken.push(item)
  return taken
}

test('the items of one network are served in the order in which they came', () => {
  assert.deepEqual(takeAll(queueOf(9, 'a1', 'a2', 'a3')), ['a1', 'a2', 'a3'])
})

test('networks take turns', () => {
  assert.deepEqual(takeAll(queueOf(9, 'a1', 'a2', 'a3', 'b1', 'b2', 'c1')), ['a1', 'b1', 'c1', 'a2', 'b2', 'a3'])
})

test('a network that was just served lets another go first, also one that came later', () => {
  const queue = queueOf(9, 'a1', 'a2', 'a3')
  assert.equal(queue.take(), 'a1')
  queue.add(['b'], 'b1')
  assert.deepEqual(takeAll(queue), ['b1', 'a2', 'a3'])
})

test('a network that was served at once has had its turn', () => {
  const queue = new FairQueue<string>(9)
  queue.noteTurn(['a'])
  queue.add(['a'], 'a1')
  queue.add(['b'], 'b1')
  assert.deepEqual(takeAll(queue), ['b1', 'a1'])
})

test('ever new networks do not hold a waiting one back', () => {
  const queue = queueOf(9, 'a1', 'a2')
  assert.equal(queue.take(), 'a1')
  queue.add(['b'], 'b1')
  assert.equal(queue.take(), 'b1')
  queue.add(['c'], 'c1')
  assert.equal(queue.take(), 'a2')
})

test('when the queue is full, a smaller network displaces the newest item of the largest', () => {
  const queue = queueOf(4, 'b1', 'a1', 'a2', 'a3')
  assert.equal(queue.add(['c'], 'c1'), 'a3')
  assert.equal(queue.size, 4)
  assert.deepEqual(takeAll(queue), ['b1', 'a1', 'c1', 'a2'])
})

test('when the queue is full, the largest network is refused', () => {
  const queue = queueOf(4, 'b1', 'a1', 'a2', 'a3')
  assert.equal(queue.add(['a'], 'a4'), 'a4')
  assert.equal(queue.size, 4)
})

test('networks of equal share do not displace each other', () => {
  const queue = queueOf(4, 'a1', 'a2', 'b1', 'b2')
  assert.equal(queue.add(['b'], 'b3'), 'b3')
  assert.equal(queue.add(['c'], 'c1'), 'b2')
  assert.equal(queue.add(['a'], 'a3'), 'a3')
  const singles = queueOf(2, 'a1', 'b1')
  assert.equal(singles.add(['c'], 'c1'), 'c1')
})

test('a queue without places refuses everything', () => {
  assert.equal(queueOf(0).add(['a'], 'a1'), 'a1')
})

test('an item that leaves makes room, and leaving twice takes nobody else along', () => {
  const queue = queueOf(2, 'a1', 'a2')
  queue.remove(['a'], 'a1')
  queue.remove(['a'], 'a1')
  queue.remove(['b'], 'b1')
  assert.equal(queue.size, 1)
  assert.equal(queue.add(['a'], 'a3'), undefined)
  assert.deepEqual(takeAll(queue), ['a2', 'a3'])
})

test('in any course of events nobody is lost, nobody has two turns while another waits, no place is left over', () => {
  const event = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('a', 'a', 'a', 'b', 'c', 'd') },
    { weight: 2, arbitrary: fc.constant('take' as const) },
    { weight: 1, arbitrary: fc.nat(20) },
  )
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200 }), events => {
      const queue = new FairQueue<string>(6)
      const waiting: string[] = []
      let last: string | undefined
      const drop = (item: string) => waiting.splice(waiting.indexOf(item), 1)
      const take = () => {
        const item = queue.take()
        assert.equal(item !== undefined, waiting.length > 0)
        if (item === undefined) return
        assert.ok(waiting.includes(item))
        const network = networkOf(item)
        assert.equal(item, waiting.filter(other => networkOf(other) === network)[0])
        assert.ok(network !== last || waiting.every(other => networkOf(other) === network))
        last = network
        drop(item)
      }
      for (const [number, happening] of events.entries()) {
        if (happening === 'take') take()
        else if (typeof happening === 'number') {
          const item = waiting[happening]
          if (item !== undefined) queue.remove([networkOf(drop(item)[0] ?? '')], item)
        } else {
          const item = `${happening}${number}`
          const full = waiting.length === 6
          waiting.push(item)
          const overflow = queue.add([happening], item)
          assert.equal(overflow !== undefined, full)
          if (overflow !== undefined) drop(overflow)
        }
        assert.equal(queue.size, waiting.length)
      }
      while (waiting.length > 0) take()
      assert.equal(queue.take(), undefined)
    }),
  )
})

test('members of one group share its turns and places among themselves', () => {
  const queue = new FairQueue<string>(4)
  for (const item of ['ax1', 'ax2', 'ay1', 'bz1']) queue.add([...item.slice(0, 2)], item)
  assert.equal(queue.add(['a', 'y'], 'ay2'), 'ay2', 'y would have as many as x')
  assert.equal(queue.add(['a', 'w'], 'aw1'), 'ax2', 'x makes place within the group')
  assert.equal(queue.add(['b', 'z'], 'bz2'), 'aw1', 'of equal members the one whose turn is the farthest makes place')
  assert.deepEqual(takeAll(queue), ['ax1', 'bz1', 'ay1', 'bz2'])
})

test('a group of very many members has no more turns and places than a group of one', () => {
  const queue = new FairQueue<string>(8)
  for (let member = 0; member < 100; member++) queue.add(['a', `${member}`], `a${member}`)
  for (const item of ['b1', 'b2', 'b3', 'b4']) assert.match(queue.add(['b', 'only'], item) ?? '', /^a/)
  assert.deepEqual(takeAll(queue), ['a0', 'b1', 'a1', 'b2', 'a2', 'b3', 'a3', 'b4'])
})
