import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { measureDelivery } from '../../bench/measurements/letters/delivery.ts'

const LOAD = { count: 20, connections: 10, clients: 2, warmUp: 0, duration: 1 }

suite('the delivery of emails', () => {
  test('is measured alone and beside refreshes, however long the mail server takes', async () => {
    const { emails, meanwhile } = await measureDelivery({ storage: 'PostgreSQL', delay: 50 }, LOAD, {
      postgres: { url: process.env.AUTH_TEST_POSTGRES! },
    })
    for (const rate of [emails, ...Object.values(meanwhile!)])
      assert.ok(rate > 0 && rate < Infinity, `${rate} a second`)
  })

  test('is measured on the embedded database without refreshes', async () => {
    const found = await measureDelivery({ storage: 'embedded', delay: 0 }, LOAD, { postgres: { url: '' } })
    assert.ok(found.emails > 0)
    assert.equal(found.meanwhile, undefined)
  })
})
