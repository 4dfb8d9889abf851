import assert from 'node:assert/strict'
import dns from 'node:dns'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, mock, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { emptyDirectory, ServiceProcess } from '../support/process.ts'
import { rawRequest, sendRaw } from '../support/raw-http.ts'
import { newAddress, PASSWORD, send, startTestService } from '../support/service.ts'

const PATIENCE = 10_000 // milliseconds; what is waited for here would otherwise never come

async function opened(port: number, host = '127.0.0.1', allowHalfOpen = false): Promise<Socket> {
  const socket = connect({ port, host, allowHalfOpen })
  await once(socket, 'connect')
  return socket
}

/** Starts a service where localhost has a second address, as it has with IPv6. */
async function startOnTwoAddresses() {
  const { lookup } = dns
  // biome-ignore lint/suspicious/noExplicitAny: its many forms do not matter here
  const several = (hostname: string, options: any, callback: any) =>
    hostname === 'localhost' && options.all
      ? callback(
          null,
          ['127.0.0.1', '127.0.0.2'].map(address => ({ address, family: 4 })),
        )
      : lookup(hostname, options, callback)
  const mocked = mock.method(dns, 'lookup', several as typeof lookup)
  try {
    return await startTestService('PGlite')
  } finally {
    mocked.mock.restore()
  }
}

async function untilServed(port: number): Promise<void> {
  const isServed = async () => (await sendRaw(port, rawRequest('GET', '/livez'))).answers[0]?.status === 200
  for (const deadline = Date.now() + PATIENCE; !(await isServed()); ) assert.ok(Date.now() < deadline)
}

const THREE_OF_A_NETWORK = {
  file: 'http/connections/open-connections.ts',
  find: 'MOST_OF_A_NETWORK = 2_000',
  replace: 'MOST_OF_A_NETWORK = 3',
}
const SHORTER_STALL = {
  file: 'http/connections/stalled-writes.ts',
  find: 'LONGEST_STALL = 30_000',
  replace: 'LONGEST_STALL = 5_000',
}

describe('a connection', () => {
  test('[R72] is treated alike on all addresses of localhost', async () => {
    await using service = await startOnTwoAddresses()
    const upgrade = { connection: 'upgrade, close', upgrade: 'websocket' }
    for (const host of ['127.0.0.1', '127.0.0.2'])
      for (const [bytes, status] of [
        ['nonsense\r\n\r\n', 400],
        [rawRequest('GET', '/livez', { expect: 'everything' }), 417],
        [rawRequest('GET', '/livez', upgrade), 200],
      ] as const) {
        const socket = await opened(service.service.port, host)
        socket.setTimeout(PATIENCE, () => socket.destroy(new Error(`no end of the answer on ${host}`)))
        socket.write(bytes)
        const answer = await text(socket)
        assert.ok(answer.startsWith(`HTTP/1.1 ${status} `), `${host} ${answer}`)
        for (const header of [/^x-request-id: [0-9a-f-]{36}\r$/m, /^x-content-type-options: nosniff\r$/m])
          assert.match(answer, header)
        assert.match(answer, /^cache-control: no-store\r$/m)
      }
  })

  test('gets the response to what it asked before a stop, on the further address of localhost too', async () => {
    const service = await startOnTwoAddresses()
    const { hashing, port } = service.service
    const before = hashing.started
    const body = JSON.stringify({ email: newAddress(), password: PASSWORD })
    const socket = await opened(port, '127.0.0.2')
    socket.write(rawRequest('POST', '/v1/sessions', { 'content-type': 'application/json' }, body))
    const answer = text(socket)
    while (hashing.started === before) await pause(1)
    await service[Symbol.asyncDispose]()
    assert.match(await answer, /^HTTP\/1\.1 401 /)
  })

  test('[R77] ends after what is no HTTP, also when the client never closes its side', async () => {
    await using service = await startTestService('PGlite')
    const socket = await opened(service.service.port, '127.0.0.1', true)
    const { promise: closed, resolve, reject } = Promise.withResolvers<void>()
    const patience = setTimeout(() => reject(new Error('the connection is still open')), PATIENCE)
    socket
      .on('close', resolve)
      .on('error', () => {})
      .resume()
    socket.write('nonsense\r\n\r\n')
    const writing = setInterval(() => socket.write('x'), 50)
    try {
      await closed
    } finally {
      clearInterval(writing)
      clearTimeout(patience)
      socket.destroy()
    }
  })

  test('[R39] comes from a network, also when its client sends a request and leaves', async () => {
    await using service = await startTestService('PGlite')
    const json = { email: newAddress(), password: PASSWORD }
    const body = JSON.stringify(json)
    const type = 'application/json'
    const headers = { 'content-type': type, 'content-length': `${body.length}`, expect: '100-continue' }
    for (let tries = 0; tries < 4; tries++) {
      const socket = await opened(service.service.port)
      socket.write(rawRequest('POST', '/v1/sessions', headers))
      await once(socket, 'data') // so the connection was accepted
      socket.write(body)
      socket.resetAndDestroy()
    }
    assert.equal((await send(`${service.url}/v1/sessions`, { json })).status, 401)
    assert.ok(service.service.hashing.started > 1, 'those who left were heard')
    assert.ok(!service.log().includes('"level":"error"'), service.log())
  })

  test('[R72] is answered 400 when a request names two hosts, and 200 when HTTP/1.0 names none', async () => {
    await using service = await startTestService('PGlite')
    for (const [bytes, status] of [
      ['GET /livez HTTP/1.1\r\nhost: localhost\r\nHost: evil.example\r\nconnection: close\r\n\r\n', 400],
      ['GET /livez HTTP/1.0\r\n\r\n', 200],
      [rawRequest('POST', '/oauth2/token', { expect: 'everything' }), 417],
    ] as const)
      assert.deepEqual(
        (await sendRaw(service.service.port, bytes)).answers.map(each => each.status),
        [status],
      )
  })

  test('[R77] is closed at once when there are as many as may be, which is logged, until others have ended', async () => {
    await using folder = await emptyDirectory()
    await using service = new ServiceProcess(
      { AUTH_DATA_DIR: folder.path },
      [],
      [
        {
          file: 'http/connections/open-connections.ts',
          find: 'MOST_CONNECTIONS = 10_000',
          replace: 'MOST_CONNECTIONS = 3',
        },
      ],
    )
    const url = await service.started()
    const port = Number(new URL(url).port)
    const idle = await Promise.all([opened(port), opened(port), opened(port)])
    const { answers, isClosed } = await sendRaw(port, rawRequest('GET', '/livez'))
    assert.deepEqual([answers, isClosed], [[], true])
    await service.until(/"connections":3,"msg":"there are as many connections as may be/)
    for (const socket of idle) socket.destroy()
    await untilServed(port)
  })

  test('[R77] leaves places to others, whatever one network opens, which the log and the metrics tell', async () => {
    await using folder = await emptyDirectory()
    const env = { AUTH_DATA_DIR: folder.path, AUTH_HOST: '127.0.0.1', AUTH_METRICS_LISTEN: '127.0.0.1:0' }
    await using service = new ServiceProcess(env, [], [THREE_OF_A_NETWORK])
    const port = Number(new URL(await service.started()).port)
    const idle = await Promise.all([opened(port), opened(port), opened(port)])
    const { answers, isClosed } = await sendRaw(port, rawRequest('GET', '/livez'))
    assert.deepEqual([answers, isClosed], [[], true])
    await service.until(/"network":"127\.0\.0\.1","connections":3,"msg":"a network has as many connections as it may/)
    const [, metrics] = await service.until(/Metrics +(http:\S+)/)
    assert.match(
      await (await fetch(metrics!)).text(),
      /auth_connections_closed_total\{reason="network_places_taken"\} 1/,
    )
    const other = await sendRaw(port, rawRequest('GET', '/livez'), { from: '127.0.0.2' })
    assert.equal(other.answers[0]?.status, 200)
    for (const socket of idle) socket.destroy()
    await untilServed(port)
  })

  test('[R77] of a trusted proxy takes no place of a network, as it is of all networks', async () => {
    await using folder = await emptyDirectory()
    const proxy = { AUTH_TRUST_PROXY: '127.0.0.1', AUTH_MAILBOX: 'on' }
    const env = { AUTH_DATA_DIR: folder.path, AUTH_HOST: '127.0.0.1', ...proxy }
    await using service = new ServiceProcess(env, [], [THREE_OF_A_NETWORK])
    const port = Number(new URL(await service.started()).port)
    const idle = await Promise.all(Array.from({ length: 6 }, () => opened(port)))
    assert.equal((await sendRaw(port, rawRequest('GET', '/livez'))).answers[0]?.status, 200)
    for (const socket of idle) socket.destroy()
  })

  test('[R77] is closed when its client takes nothing of the responses for too long, and not when it reads slowly', async () => {
    await using folder = await emptyDirectory()
    const env = { AUTH_DATA_DIR: folder.path, AUTH_HOST: '127.0.0.1' }
    await using service = new ServiceProcess(env, [], [SHORTER_STALL])
    const port = Number(new URL(await service.started()).port)
    const request = rawRequest('GET', '/docs/js/scalar.js', { connection: 'keep-alive' })
    const { headers } = await fetch(`http://127.0.0.1:${port}/docs/js/scalar.js`, {
      headers: { 'accept-encoding': 'gzip' },
    })
    const size = Number(headers.get('content-length'))
    const [deaf, slow] = await Promise.all([opened(port), opened(port)])
    deaf.on('error', () => {})
    deaf.pause().write(request.repeat(10)) // more than systems buffer
    let received = 0
    let asked = 0
    slow.pause().on('readable', () => {})
    const reading = setInterval(() => {
      received += slow.read()?.length ?? 0
      for (; asked < received / size + 8; asked++) slow.write(request)
    }, 20)
    try {
      await service.until(/"network":"127\.0\.0\.1","msg":"a connection was closed, as its client stopped reading"/)
      const before = received
      for (const deadline = Date.now() + PATIENCE; received < before + 1_000_000; await pause(50))
        assert.ok(Date.now() < deadline, 'the one that reads slowly gets its responses')
    } finally {
      clearInterval(reading)
      for (const socket of [deaf, slow]) socket.destroy()
    }
  })

  test('[R77] is closed when it sends many requests and waits for no response, which would wait in memory', async () => {
    await using service = await startTestService('PGlite')
    const { port } = service.service
    const request = rawRequest('GET', '/livez', { connection: 'keep-alive' })
    const few = await sendRaw(port, request.repeat(15) + rawRequest('GET', '/livez'))
    assert.deepEqual(
      few.answers.map(({ status }) => status),
      Array(16).fill(200),
    )
    const many = await sendRaw(port, request.repeat(2_000))
    assert.ok(many.isClosed && many.answers.length < 2_000)
    const lines = service.log().split('\n')
    assert.equal(lines.filter(line => line.includes('too many requests at once')).length, 1)
    assert.ok(lines.filter(line => line.includes('"answered"')).length < 100)
    assert.equal((await sendRaw(port, rawRequest('GET', '/livez'))).answers[0]?.status, 200)
  })

  test('[R77] is closed just so when the paths of those requests cannot be read', async () => {
    await using service = await startTestService('PGlite')
    const { port } = service.service
    const many = await sendRaw(port, rawRequest('GET', '/%', { connection: 'keep-alive' }).repeat(2_000))
    assert.ok(many.isClosed && many.answers.length < 2_000)
    assert.match(service.log(), /too many requests at once/)
    const few = await sendRaw(port, rawRequest('GET', '/%', { connection: 'keep-alive' }) + rawRequest('GET', '/livez'))
    assert.deepEqual(
      few.answers.map(({ status }) => status),
      [400, 200],
    )
  })
})
