import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { isFromThisMachine } from '../../src/http/trusted-proxies.ts'

const requestBetween = (remoteAddress: string | undefined, localAddress: string) =>
  ({
    socket: { remoteAddress, localAddress },
    headers: { host: '192.0.2.1:8080' },
    httpVersion: '1.1',
  }) as unknown as IncomingMessage

test('a request is from this machine when its peer has a loopback address, or the address that it asks', () => {
  for (const [peer, asked] of [
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '::1'],
    ['::ffff:127.0.0.1', '::ffff:127.0.0.1'],
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
  ] as const)
    assert.equal(isFromThisMachine(requestBetween(peer, asked)), true, peer)
  for (const peer of ['192.0.2.7', '::ffff:192.0.2.7', '2001:db8::7', '10.0.0.1', undefined])
    assert.equal(isFromThisMachine(requestBetween(peer, '192.0.2.1')), false, peer)
})
