import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Counter, Registry } from 'prom-client'
import { LimitRefusal } from '../../src/limits/errors.ts'
import { LIMITS } from '../../src/limits/limits.ts'
import { ProcessLimit } from '../../src/limits/process-limit.ts'

const { burst, forgivenAfter } = LIMITS.secret_by_network

function open({ holdsOptional = true } = {}) {
  let now = 0
  const refusals = new Counter({ name: 'refusals', help: 'h', labelNames: ['limit'], registers: [new Registry()] })
  const limit = new ProcessLimit({ limit: 'secret_by_network', holdsOptional, refusals, now: () => now })
  const elapse = (seconds: number) => {
    now += seconds * 1_000
  }
  return { limit, refusals, elapse }
}

test('so many are counted at once, then one each so many seconds, and each key has a bucket of its own', () => {
  const { limit, elapse } = open()
  for (let count = 0; count < burst; count++) limit.count('a')
  const refused = (retryAfter: number) => (error: unknown) =>
    error instanceof LimitRefusal && error.facts.retryAfter === retryAfter
  assert.throws(() => limit.count('a'), refused(forgivenAfter))
  elapse(forgivenAfter / 2)
  assert.throws(() => limit.count('a'), refused(forgivenAfter / 2))
  elapse(forgivenAfter / 2)
  limit.count('a')
  assert.throws(() => limit.count('a'), LimitRefusal)
  limit.count('b')
  elapse(burst * forgivenAfter)
  for (let count = 0; count < burst; count++) limit.count('a')
})

test('a clock that is set back forgives nothing, and what is refused is a metric', async () => {
  const { limit, refusals, elapse } = open()
  for (let count = 0; count < burst; count++) limit.count('a')
  elapse(-3_600)
  assert.throws(() => limit.count('a'), LimitRefusal)
  assert.deepEqual((await refusals.get()).values, [{ value: 1, labels: { limit: 'secret_by_network' } }])
})

test('it ends with the limits by network', () => {
  const { limit } = open({ holdsOptional: false })
  for (let count = 0; count < 3 * burst; count++) limit.count('a')
})

test('keys beyond ten thousand take the place of the ones that were counted first', () => {
  const { limit } = open()
  for (let count = 0; count < burst; count++) limit.count('first')
  for (let key = 0; key < 10_000; key++) limit.count(`${key}`)
  limit.count('first')
})
