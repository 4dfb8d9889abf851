import { createPublicKey } from 'node:crypto'
import type { HostileToken, Json, TokenForge } from './token-forge.ts'

/** Tokens whose header lies about how they are to be verified. */
export function hostileHeaders(forge: TokenForge): HostileToken[] {
  return [
    ...withoutSignature(forge),
    ...macs(forge),
    ...otherAlgorithms(forge),
    ...keysOfTheAttacker(forge),
    ...rest(forge),
  ]
}

const named = (group: string, tokens: Record<string, string>): HostileToken[] =>
  Object.entries(tokens).map(([name, token]) => ({ name: `${group}: ${name}`, token }))

// Strapi CVE-2023-22893, jsonwebtoken CVE-2022-23540
function withoutSignature(forge: TokenForge): HostileToken[] {
  const [, , signature] = forge.parts
  const spellings = ['none', 'None', 'NONE', 'nOnE', ' none', 'none ', '']
  return named('no signature', {
    ...Object.fromEntries(spellings.map(alg => [`alg ${JSON.stringify(alg)}`, forge.withSignature('', { alg })])),
    'none with the genuine signature': forge.withSignature(signature, { alg: 'none' }),
    'the genuine header and an empty signature': forge.withSignature(''),
    'alg absent': forge.withSignature('', { alg: undefined }),
    'alg null': forge.withSignature('', { alg: null }),
    'alg a number': forge.withSignature(signature, { alg: 0 }),
    'alg an array': forge.withSignature(signature, { alg: ['ES256'] }),
    'alg an object': forge.withSignature(signature, { alg: { toString: 'ES256' } }),
  })
}

// jsonwebtoken CVE-2022-23541, fast-jwt CVE-2023-48223 and CVE-2026-34950
function macs(forge: TokenForge): HostileToken[] {
  const { publicJwk } = forge.genuine
  const key = createPublicKey({ key: publicJwk as object as import('node:crypto').JsonWebKey, format: 'jwk' })
  const pem = key.export({ type: 'spki', format: 'pem' }).toString()
  const secrets: Record<string, string | Buffer> = {
    'the PEM': pem,
    'the PEM after a line break': `\n${pem}`,
    'the PEM without its last line break': pem.trimEnd(),
    'the DER': key.export({ type: 'spki', format: 'der' }),
    'the JWK': JSON.stringify(publicJwk),
    'x and y': Buffer.concat([Buffer.from(publicJwk.x!, 'base64url'), Buffer.from(publicJwk.y!, 'base64url')]),
    x: publicJwk.x!,
    kid: publicJwk.kid!,
    nothing: '',
  }
  const tokens = Object.entries(secrets).map(([name, secret]) => [`HS256 with ${name}`, forge.maced('HS256', secret)])
  return named('a MAC under what is public', {
    ...Object.fromEntries(tokens),
    'HS384 with the PEM': forge.maced('HS384', pem),
    'HS512 with the PEM': forge.maced('HS512', pem),
  })
}

function otherAlgorithms(forge: TokenForge): HostileToken[] {
  const algorithms = [
    'es256',
    'ES256 ',
    'ES256\u0000',
    'ES256K',
    'ES384',
    'ES512',
    'RS256',
    'PS256',
    'EdDSA',
    'Ed25519',
  ]
  const ours = Object.fromEntries(algorithms.map(alg => [`${JSON.stringify(alg)}, signed by us`, forge.ours({ alg })]))
  return named('another algorithm', {
    ...ours,
    'EdDSA with the key id of ES256': forge.theirs({ alg: 'EdDSA' }, forge.attackerEd.privateKey),
    'RS256 with the key id of ES256': forge.theirs({ alg: 'RS256' }, forge.attackerRsa.privateKey),
    'the kid of a key of another algorithm': forge.ours({ kid: forge.genuine.otherKid }),
    'the kid and alg of another algorithm': forge.ours({ kid: forge.genuine.otherKid, alg: 'EdDSA' }),
    'encryption instead of a signature': forge.withSignature('AA', { alg: 'dir', enc: 'A256GCM' }),
  })
}

function keysOfTheAttacker(forge: TokenForge): HostileToken[] {
  const jwk = { ...forge.attacker.publicKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' }
  const headers: Record<string, Json> = {
    'the genuine kid': {},
    'an embedded jwk': { jwk },
    'an embedded jwk and no kid': { jwk, kid: undefined },
    'an embedded jwk of its own kid': { jwk: { ...jwk, kid: 'mine' }, kid: 'mine' },
    jku: { jku: 'https://attacker.example/jwks.json' },
    x5u: { x5u: 'https://attacker.example/key.pem' },
    x5c: { x5c: [forge.attacker.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')] },
    'no kid': { kid: undefined },
    'a path as kid': { kid: '../../../../dev/null' },
    'a URL as kid': { kid: 'https://attacker.example/key' },
    'SQL as kid': { kid: "x' union select 'key' --" },
    '__proto__ as kid': { kid: '__proto__' },
    'null as kid': { kid: null },
    'a number as kid': { kid: 0 },
    'an array as kid': { kid: [forge.genuine.publicJwk.kid] },
    'a NUL behind the kid': { kid: `${forge.genuine.publicJwk.kid}\u0000` },
  }
  return named(
    'a key of the attacker',
    Object.fromEntries(Object.entries(headers).map(([name, header]) => [name, forge.theirs(header)])),
  )
}

function rest(forge: TokenForge): HostileToken[] {
  const types = [
    undefined,
    null,
    '',
    'JWT',
    'jwt',
    'id_token',
    'logout+jwt',
    'rt+jwt',
    'at+jwt ',
    'xat+jwt',
    ['at+jwt'],
    1,
  ]
  const crits = [['exp'], ['x'], ['alg'], [], 'exp', null, [1], ['b64']]
  return [
    ...types.map(typ => ({ name: `typ ${JSON.stringify(typ)}`, token: forge.ours({ typ }) })),
    ...crits.map(crit => ({ name: `crit ${JSON.stringify(crit)}`, token: forge.ours({ crit, x: 1 }) })),
    { name: 'crit b64, with an unencoded payload', token: forge.ours({ crit: ['b64'], b64: false }) },
    { name: 'a kid nobody has', token: forge.ours({ kid: 'unknown' }) },
  ]
}
