import { generateKeyPair as generateKeyPairWithCallback, type KeyObject, sign } from 'node:crypto'
import { promisify } from 'node:util'

export type SigningAlgorithm = 'ES256' | 'EdDSA' | 'RS256'
type KeyPair = { privateKey: KeyObject; publicKey: KeyObject }

const generateKeyPair = promisify(generateKeyPairWithCallback)

/** JWS algorithms for access tokens (RFC 7518 section 3, RFC 8037 section 3.1). */
export const SIGNING_ALGORITHMS: Record<
  SigningAlgorithm,
  { generate(): Promise<KeyPair>; sign(key: KeyObject, input: Buffer): Buffer }
> = {
  ES256: {
    generate: () => generateKeyPair('ec', { namedCurve: 'P-256' }),
    sign: (key, input) => concatenatedSignature(sign('sha256', input, key), 32),
  },
  EdDSA: {
    generate: () => generateKeyPair('ed25519'),
    sign: (key, input) => sign(null, input, key),
  },
  RS256: {
    generate: () => generateKeyPair('rsa', { modulusLength: 2048 }),
    sign: (key, input) => sign('sha256', input, key),
  },
}

/**
 * r and s side by side (RFC 7518 section 3.4) from the DER form, SEQUENCE { INTEGER r, INTEGER s }.
 *
 * Asking Node for this form costs twice the time of the signature itself.
 * @param size bytes of one integer; below 64, so that each DER length is a single byte
 */
function concatenatedSignature(der: Buffer, size: number): Buffer {
  const signature = Buffer.alloc(2 * size)
  const rLength = der[3]!
  copyInteger(der.subarray(4, 4 + rLength), signature.subarray(0, size))
  copyInteger(der.subarray(4 + rLength + 2), signature.subarray(size))
  return signature
}

// A DER integer is as short as it can be, but has a leading zero where its first bit is set.
function copyInteger(integer: Buffer, target: Buffer): void {
  const digits = integer.length > target.length ? integer.subarray(integer.length - target.length) : integer
  digits.copy(target, target.length - digits.length)
}
