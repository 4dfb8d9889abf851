import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { isFromThisMachine } from '../../src/http/trusted-proxies.ts'

const requestFrom = (remoteAddress: string | undefined) =>
  ({
    socket: { remoteAddress, localAddress: '192.0.2.1' },
    headers: { host: '192.0.2.1:8080' },
    httpVersion: '1.1',
  }) as unknown as IncomingMessage

// Of others, port forwarders of containers and proxies show the service its own address.
test('a request is from this machine when its peer has a loopback address, and not when it has that of the service', () => {
  for (const peer of ['127.0.0.1', '::1', '::ffff:127.0.0.1'])
    assert.equal(isFromThisMachine(requestFrom(peer)), true, peer)
  for (const peer of ['192.0.2.1', '::ffff:192.0.2.1', '192.0.2.7', '2001:db8::7', '10.0.0.1', undefined])
    assert.equal(isFromThisMachine(requestFrom(peer)), false, peer)
})
