import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { DeliveryConcurrency, type DeliveryPlace } from '../../src/email/delivery-concurrency.ts'

const PATIENCE = 60_000 // milliseconds; nothing here waits for them
const DOMAIN = 'example.com'

describe('how many emails are on their way at once', () => {
  test('doubles in the time of one email, up to the highest number', async () => {
    const limits: number[] = []
    await sendInRounds(new DeliveryConcurrency(50), 6, places => {
      limits.push(places.length)
      for (const place of places) place.accepted()
    })
    assert.deepEqual(limits, [5, 10, 20, 40, 50, 50])
  })

  test('is never above the highest number, not even at first', async () => {
    const limits: number[] = []
    await sendInRounds(new DeliveryConcurrency(3), 3, places => {
      limits.push(places.length)
      for (const place of places) place.accepted()
    })
    assert.deepEqual(limits, [3, 3, 3])
  })

  test('does not grow while no email waits for another', async () => {
    const concurrency = new DeliveryConcurrency(50)
    for (let email = 0; email < 100; email++) {
      const place = await concurrency.acquire(PATIENCE, DOMAIN)
      place.accepted()
      place.release()
    }
    assert.equal(concurrency.limit, 5)
  })

  test('halves once for all that were under way when the server was overloaded, and then grows by one', async () => {
    const limits: number[] = []
    await sendInRounds(new DeliveryConcurrency(50), 8, (places, round) => {
      limits.push(places.length)
      for (const place of places) round === 3 ? place.congested() : place.accepted()
    })
    assert.deepEqual(limits, [5, 10, 20, 40, 20, 21, 22, 23])
  })

  test('halves what was too much, not what would have been allowed', async () => {
    const concurrency = new DeliveryConcurrency(50)
    await sendInRounds(concurrency, 4, places => {
      for (const place of places) place.accepted()
    })
    assert.equal(concurrency.limit, 50)
    const places = await Promise.all(Array.from({ length: 8 }, () => concurrency.acquire(PATIENCE, DOMAIN)))
    places[0]!.congested()
    assert.equal(concurrency.limit, 4)
  })

  test('is never below one', async () => {
    const concurrency = new DeliveryConcurrency(50)
    await sendInRounds(concurrency, 6, places => {
      for (const place of places) place.congested()
    })
    assert.equal(concurrency.limit, 1)
  })

  test('lets those that wait go in the order in which they came', async () => {
    const concurrency = new DeliveryConcurrency(1)
    const first = await concurrency.acquire(PATIENCE, DOMAIN)
    const order: number[] = []
    const others = [1, 2, 3].map(async each => {
      const place = await concurrency.acquire(PATIENCE, DOMAIN)
      order.push(each)
      place.release()
    })
    first.release()
    await Promise.all(others)
    assert.deepEqual(order, [1, 2, 3])
  })

  test('lets those to the domain with the fewest on their way go first', async () => {
    const concurrency = new DeliveryConcurrency(3)
    const held = await Promise.all(Array.from({ length: 3 }, () => concurrency.acquire(PATIENCE, 'a.example')))
    const order: string[] = []
    const acquiring = ['a.example', 'a.example', 'b.example'].map(async domain => {
      const place = await concurrency.acquire(PATIENCE, domain)
      order.push(domain)
      return place
    })
    await new Promise(setImmediate)
    for (const place of held) place.release()
    for (const place of await Promise.all(acquiring)) place.release()
    assert.deepEqual(order, ['b.example', 'a.example', 'a.example'])
    assert.equal(concurrency.inFlight, 0)
  })

  test('lets one more go, up to the highest number, while none of those on their way makes room', async () => {
    const concurrency = new DeliveryConcurrency(7, 1)
    for (let email = 0; email < 7; email++) await concurrency.acquire(PATIENCE, DOMAIN)
    assert.deepEqual([concurrency.inFlight, concurrency.limit], [7, 5])
    await assert.rejects(concurrency.acquire(50, DOMAIN), /7 others are still on their way/)
  })

  test('takes one more that is accepted for a sign that the server takes as many, and one more that is not for none', async () => {
    const concurrency = new DeliveryConcurrency(50, 1)
    for (let email = 0; email < 5; email++) await concurrency.acquire(PATIENCE, DOMAIN)
    const refused = await concurrency.acquire(PATIENCE, DOMAIN)
    refused.congested()
    refused.release()
    assert.equal(concurrency.limit, 5)
    await concurrency.acquire(PATIENCE, DOMAIN)
    const accepted = await concurrency.acquire(PATIENCE, DOMAIN)
    accepted.accepted()
    assert.ok(concurrency.limit >= 7)
    accepted.release()
  })

  test('keeps nobody waiting for ever', async () => {
    const concurrency = new DeliveryConcurrency(1)
    const first = await concurrency.acquire(PATIENCE, DOMAIN)
    await assert.rejects(concurrency.acquire(1, DOMAIN), /1 others are still on their way/)
    first.release()
    assert.equal(concurrency.inFlight, 0)
    const waiting = [await concurrency.acquire(PATIENCE, DOMAIN), concurrency.acquire(PATIENCE, DOMAIN)]
    concurrency.close(new Error('closing'))
    await assert.rejects(async () => waiting[1], /closing/)
  })
})

/** Gets all places that there are, with more who wait; says what becomes of them; and gives them back. */
async function sendInRounds(
  concurrency: DeliveryConcurrency,
  rounds: number,
  settle: (places: DeliveryPlace[], round: number) => void,
): Promise<void> {
  const emails: DeliveryPlace[] = []
  const acquiring = Array.from({ length: 1_000 }, () =>
    concurrency.acquire(PATIENCE, DOMAIN).then(
      place => void emails.push(place),
      () => {},
    ),
  )
  for (let round = 0; round < rounds; round++) {
    await new Promise(setImmediate)
    const places = emails.splice(0)
    settle(places, round)
    for (const place of places) place.release()
  }
  concurrency.close(new Error('the test is over'))
  await Promise.all(acquiring)
  for (const place of emails) place.release()
}
