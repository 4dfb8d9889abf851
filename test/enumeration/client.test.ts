import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, test } from 'node:test'
import { Client } from '../../src/enumeration/client.ts'
import { isLimitOfAddress } from '../../src/enumeration/endpoints.ts'

const REQUEST = { method: 'POST', path: '/v1/sessions', json: { email: 'ann@example.com' } } as const

/** A server that answers what a test wants it to. */
async function openServer(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Answers so often with a status and `retry-after`, then with 401. */
const limited = (times: number, status: number, retryAfter: string, body = '{}'): RequestListener => {
  let asked = 0
  return (_request, response) => {
    const isLimit = asked++ < times
    response.writeHead(isLimit ? status : 401, { 'retry-after': retryAfter }).end(body)
  }
}

describe('the client of the audit', () => {
  test('keeps names, order and repetition of headers', async () => {
    await using server = await openServer((_request, response) => {
      response.sendDate = false
      response.writeHead(200, ['X-b', '1', 'x-A', '2', 'X-b', '3', 'Content-Length', '0', 'Connection', 'close']).end()
    })
    using client = new Client(server.origin)
    const { headers } = await client.ask(REQUEST)
    const expected = ['X-b: 1', 'x-A: 2', 'X-b: 3', 'Content-Length: 0', 'Connection: close']
    assert.deepEqual(
      headers.map(header => header.join(': ')),
      expected,
    )
  })

  for (const status of [429, 503])
    test(`waits ${status} out`, async () => {
      await using server = await openServer(limited(3, status, '0'))
      const waited: number[] = []
      using client = new Client(server.origin, answer => void waited.push(answer.status))
      assert.equal((await client.ask(REQUEST)).status, 401)
      assert.deepEqual(waited, [status, status, status])
    })

  test('gives up on a limit that lasts, and says what to set', async () => {
    const remedy = /Found: +429.*\n.*AUTH_RATE_LIMITS=off/
    for (const listener of [limited(10, 429, '0'), limited(1, 429, '3600'), limited(1, 429, 'tomorrow')]) {
      await using server = await openServer(listener)
      using client = new Client(server.origin)
      await assert.rejects(client.ask(REQUEST), remedy)
    }
  })

  test('takes the limit of an address for an answer where that is asked for', async () => {
    await using server = await openServer(
      limited(1, 429, '60', '{"code":"too_many_attempts","limit":"sign_in_by_address"}'),
    )
    using client = new Client(server.origin)
    assert.equal((await client.ask(REQUEST, isLimitOfAddress)).status, 429)
    assert.equal((await client.ask(REQUEST, isLimitOfAddress)).status, 401)
  })

  test('takes the limit of a network for no answer', async () => {
    await using server = await openServer(
      limited(1, 429, '0', '{"code":"too_many_attempts","limit":"sign_in_by_network"}'),
    )
    using client = new Client(server.origin)
    assert.equal((await client.ask(REQUEST, isLimitOfAddress)).status, 401)
  })
})
