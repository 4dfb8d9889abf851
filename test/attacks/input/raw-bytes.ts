import type { RawOptions } from '../../support/raw-http.ts'
import { oneOf } from './malformed-requests.ts'

/** Bytes for the socket, and how to behave after them. */
export type RawBytes = { name: string; bytes: Buffer } & RawOptions

type Recipe = (random: () => number) => string | Buffer | { bytes: string; leavesEarly: true }

const SHORT = 60 // milliseconds for an answer to bytes after which the server may rightly wait for more
const HOST = 'host: localhost\r\n'
const CLOSE = 'connection: close\r\n'
const JSON_TYPE = 'content-type: application/json\r\n'
const BODY = '{"email":"nobody@example.com","password":"short"}'
const post = (fields: string, body: string, path = '/v1/sessions') =>
  `POST ${path} HTTP/1.1\r\n${HOST}${CLOSE}${JSON_TYPE}${fields}\r\n${body}`

const anyBytes = (random: () => number, length: number) =>
  Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)))

/** What is not quite HTTP, by name (RFC 9112). */
const RECIPES: Record<string, Recipe> = {
  'any bytes': random => Buffer.concat([anyBytes(random, 1 + Math.floor(random() * 400)), Buffer.from('\r\n\r\n')]),
  'a line of any bytes': random =>
    Buffer.concat([Buffer.from('GET /'), anyBytes(random, 30), Buffer.from(` HTTP/1.1\r\n${HOST}${CLOSE}\r\n`)]),
  'a header of any bytes': random =>
    Buffer.concat([
      Buffer.from(`GET /livez HTTP/1.1\r\n${HOST}${CLOSE}x: `),
      anyBytes(random, 30),
      Buffer.from('\r\n\r\n'),
    ]),
  'no version': () => 'GET /livez\r\n\r\n',
  'version 0.9': () => `GET /livez HTTP/0.9\r\n${HOST}\r\n`,
  'version 2.0': () => `GET /livez HTTP/2.0\r\n${HOST}\r\n`,
  'version 9.9': () => `GET /livez HTTP/9.9\r\n${HOST}\r\n`,
  'the preface of HTTP/2': () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'a TLS greeting': random =>
    Buffer.concat([Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]), anyBytes(random, 200)]),
  'a method that is none': () => `BREW /livez HTTP/1.1\r\n${HOST}\r\n`,
  'a lower-case method': () => `get /livez HTTP/1.1\r\n${HOST}\r\n`,
  CONNECT: () => `CONNECT evil.example:443 HTTP/1.1\r\n${HOST}\r\n`,
  'an absolute target': () => `GET http://evil.example/livez HTTP/1.1\r\n${HOST}${CLOSE}\r\n`,
  'an absolute target of a page': () => `GET http://user@evil.example/sign-in HTTP/1.1\r\n${HOST}${CLOSE}\r\n`,
  'the target *': () => `OPTIONS * HTTP/1.1\r\n${HOST}${CLOSE}\r\n`,
  'a target without a slash': () => `GET livez HTTP/1.1\r\n${HOST}${CLOSE}\r\n`,
  'a target with a space': () => `GET /live z HTTP/1.1\r\n${HOST}${CLOSE}\r\n`,
  'a target with a NUL': () => `GET /live\u0000z HTTP/1.1\r\n${HOST}${CLOSE}\r\n`,
  'a long target': () => `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n${HOST}${CLOSE}\r\n`,
  'no host': () => `GET /livez HTTP/1.1\r\n${CLOSE}\r\n`,
  'two hosts': () => `GET /livez HTTP/1.1\r\n${HOST}host: evil.example\r\n${CLOSE}\r\n`,
  'no host in HTTP/1.0': () => 'GET /livez HTTP/1.0\r\n\r\n',
  'an expectation that is none': () => post(`expect: 200-ok\r\ncontent-length: ${BODY.length}\r\n`, BODY),
  'huge headers': () => `GET /livez HTTP/1.1\r\n${HOST}x: ${'a'.repeat(40_000)}\r\n\r\n`,
  'many headers': () =>
    `GET /livez HTTP/1.1\r\n${HOST}${CLOSE}${Array.from({ length: 1_900 }, (_, index) => `x${index}: 1\r\n`).join('')}\r\n`,
  'a header without a colon': () => `GET /livez HTTP/1.1\r\n${HOST}nonsense\r\n\r\n`,
  'a header without a name': () => `GET /livez HTTP/1.1\r\n${HOST}: x\r\n\r\n`,
  'a space before the colon': () => post(`content-length : ${BODY.length}\r\n`, BODY),
  'a folded header': () => `GET /livez HTTP/1.1\r\n${HOST}${CLOSE}x: a\r\n b\r\n\r\n`,
  'a NUL in a header': () => `GET /livez HTTP/1.1\r\n${HOST}${CLOSE}x: a\u0000b\r\n\r\n`,
  'a carriage return in a header': () => `GET /livez HTTP/1.1\r\n${HOST}${CLOSE}x: a\rb\r\n\r\n`,
  'bare line feeds': () => 'GET /livez HTTP/1.1\nhost: localhost\nconnection: close\n\n',
  'both lengths': () =>
    post(
      `content-length: ${BODY.length}\r\ntransfer-encoding: chunked\r\n`,
      `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`,
    ),
  'both lengths, the other order': () =>
    post(`transfer-encoding: chunked\r\ncontent-length: 5\r\n`, `0\r\n\r\nGET /livez HTTP/1.1\r\n${HOST}\r\n`),
  'two lengths': () => post(`content-length: 5\r\ncontent-length: ${BODY.length}\r\n`, BODY),
  'a list of lengths': () => post(`content-length: ${BODY.length}, ${BODY.length}\r\n`, BODY),
  'a negative length': () => post('content-length: -1\r\n', BODY),
  'a length with a sign': () => post(`content-length: +${BODY.length}\r\n`, BODY),
  'a length in hex': () => post('content-length: 0x10\r\n', BODY),
  'a length beyond numbers': () => post(`content-length: ${'9'.repeat(40)}\r\n`, BODY),
  'a length beyond the limit': () => post('content-length: 99999999\r\n', BODY),
  'a length longer than the body': () => post(`content-length: ${BODY.length + 10}\r\n`, BODY),
  'a length shorter than the body': () => post(`content-length: ${BODY.length - 10}\r\n`, BODY),
  'chunks of nonsense': () => post('transfer-encoding: chunked\r\n', 'zz\r\nnonsense\r\n'),
  'a chunk of a negative size': () => post('transfer-encoding: chunked\r\n', '-5\r\nhello\r\n0\r\n\r\n'),
  'a chunk beyond numbers': () => post('transfer-encoding: chunked\r\n', 'fffffffffffffffff\r\nhello'),
  'a chunk longer than it says': () => post('transfer-encoding: chunked\r\n', '2\r\nhello\r\n0\r\n\r\n'),
  'chunks with extensions': () =>
    post(
      'transfer-encoding: chunked\r\n',
      `${BODY.length.toString(16)};a=${'b'.repeat(20_000)}\r\n${BODY}\r\n0\r\n\r\n`,
    ),
  'chunks of one byte': () =>
    post('transfer-encoding: chunked\r\n', `${[...BODY].map(each => `1\r\n${each}\r\n`).join('')}0\r\n\r\n`),
  'chunks over the limit': () =>
    post(
      'transfer-encoding: chunked\r\n',
      `ffff\r\n${' '.repeat(65_535)}\r\nffff\r\n${' '.repeat(65_535)}\r\n0\r\n\r\n`,
    ),
  'forbidden trailers': () =>
    post(
      'transfer-encoding: chunked\r\n',
      `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\ncontent-length: 3\r\nhost: x\r\n\r\n`,
    ),
  'an unknown coding': () => post('transfer-encoding: gzip\r\n', BODY),
  'a coding after chunked': () => post('transfer-encoding: chunked, identity\r\n', '0\r\n\r\n'),
  'a coding that looks like chunked': () => post('transfer-encoding: \u000bchunked\r\n', '0\r\n\r\n'),
  'a body on GET': () =>
    `GET /v1/account HTTP/1.1\r\n${HOST}${CLOSE}${JSON_TYPE}content-length: ${BODY.length}\r\n\r\n${BODY}`,
  'ten requests at once': () =>
    `${`GET /livez HTTP/1.1\r\n${HOST}\r\n`.repeat(9)}GET /livez HTTP/1.1\r\n${HOST}${CLOSE}\r\n`,
  'a request and nonsense': () => `GET /livez HTTP/1.1\r\n${HOST}\r\nnonsense\r\n\r\n`,
  'a smuggled request': () =>
    `${post('content-length: 0\r\n', '').replace(CLOSE, '')}GET /v1/account HTTP/1.1\r\n${HOST}${CLOSE}\r\n`,
  'half a request line': () => 'GET /liv',
  'half the headers': () => `GET /livez HTTP/1.1\r\n${HOST}x`,
  'half a body, then gone': () => ({ bytes: post('content-length: 100\r\n', BODY), leavesEarly: true }),
  'a request, then gone': () => ({ bytes: post(`content-length: ${BODY.length}\r\n`, BODY), leavesEarly: true }),
  'half a chunk, then gone': () => ({
    bytes: post('transfer-encoding: chunked\r\n', 'ff\r\nhello'),
    leavesEarly: true,
  }),
  nothing: () => '',
  'line breaks alone': () => '\r\n'.repeat(100),
  'an upgrade': () =>
    `GET /livez HTTP/1.1\r\n${HOST}connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: x\r\n\r\n`,
  'an upgrade to HTTP/2': () =>
    `GET /livez HTTP/1.1\r\n${HOST}connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n`,
}

export const RAW_NAMES = Object.keys(RECIPES)

/** The recipe of that name; for a certain one of ten, with a byte changed at random. */
export function rawBytes(name: string, random: () => number): RawBytes {
  const made = RECIPES[name]!(random)
  const isAbandoned = typeof made === 'object' && 'leavesEarly' in made
  const bytes = Buffer.from((isAbandoned ? made.bytes : made) as string, 'latin1')
  if (random() < 0.1 && bytes.length > 0) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
  return { name, bytes, patience: SHORT, leavesEarly: isAbandoned }
}

export const anyRawBytes = (random: () => number): RawBytes => rawBytes(oneOf(RAW_NAMES, random), random)
