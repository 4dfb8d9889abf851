import type { HostileToken, TokenForge } from './token-forge.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
/** The order of the group of P-256 (SEC 2 section 2.4.2). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

const bytes = (number: bigint) => Buffer.from(number.toString(16).padStart(64, '0'), 'hex')
const integer = (buffer: Buffer) => BigInt(`0x${buffer.toString('hex')}`)

/**
 * The genuine token cut, joined, wrapped and written otherwise. A JWS has one spelling: base64url without padding,
 * line breaks, white space or other characters (RFC 7515 sections 2 and 5.2).
 */
export function hostileSpellings(forge: TokenForge): HostileToken[] {
  const { token } = forge.genuine
  const [header, claims, signature] = forge.parts
  const raw = Buffer.from(signature, 'base64url')
  const zero = Buffer.alloc(32)
  const signatures: Record<string, Buffer> = {
    'r and s of 0 (CVE-2022-21449)': Buffer.concat([zero, zero]),
    'r of 0': Buffer.concat([zero, raw.subarray(32)]),
    's of 0': Buffer.concat([raw.subarray(0, 32), zero]),
    'r and s of the order of the group': Buffer.concat([bytes(ORDER), bytes(ORDER)]),
    's and r changed over': Buffer.concat([raw.subarray(32), raw.subarray(0, 32)]),
    'one byte less': raw.subarray(0, -1),
    'one byte more': Buffer.concat([raw, Buffer.from([0])]),
    'a zero in front': Buffer.concat([Buffer.from([0]), raw]),
    'as DER': derOf(raw),
    twice: Buffer.concat([raw, raw]),
  }
  const texts: Record<string, string> = {
    'two parts': `${header}.${claims}`,
    'two parts and a dot': `${header}.${claims}.`,
    'four parts': `${token}.${signature}`,
    'five parts': `${token}.AA.AA`,
    'a dot in front': `.${token}`,
    'a dot behind': `${token}.`,
    'a space in front': ` ${token}`,
    'a space behind': `${token} `,
    'a space in the signature': `${header}.${claims}.${signature.slice(0, 40)} ${signature.slice(40)}`,
    'a line break behind': `${token}\n`,
    'a line break in the signature': `${header}.${claims}.${signature.slice(0, 40)}\n${signature.slice(40)}`,
    'a tab in the claims': `${header}.${claims.slice(0, 40)}\t${claims.slice(40)}.${signature}`,
    'padding behind the signature': `${token}==`,
    'padding behind the header': `${header}=.${claims}.${signature}`,
    'padding behind the claims': `${header}.${claims}=.${signature}`,
    'the alphabet of base64': `${header}.${claims}.${signature.replaceAll('-', '+').replaceAll('_', '/')}~`,
    'lower case': token.toLowerCase(),
    'in hex': Buffer.from(token).toString('hex'),
    'in base64url': Buffer.from(token).toString('base64url'),
    'percent-encoded': token.replaceAll('.', '%2E'),
    'as flattened JSON': JSON.stringify({ protected: header, payload: claims, signature }),
    'with its scheme': `Bearer ${token}`,
    'twice, by a comma': `${token},${token}`,
    nothing: '',
    dots: '..',
    'a megabyte': 'a'.repeat(1_000_000),
    'a hundred thousand dots': '.'.repeat(100_000),
    'letters that NFKC would mend': token.replace('e', '\uff45'),
    ...Object.fromEntries([1, 2, 4, 8].map(bit => [`spare bit ${bit} of the signature`, withSpareBit(token, bit)])),
  }
  return [
    ...Object.entries(signatures).map(([name, each]) => ({
      name: `signature: ${name}`,
      token: forge.withSignature(each),
    })),
    ...Object.entries(texts).map(([name, each]) => ({ name: `spelling: ${name}`, token: each })),
  ]
}

/** The other signature of the same content, (r, n - s), which anybody can compute and every verifier of ES256 takes. */
export function twinOf(forge: TokenForge): string {
  const [header, claims, signature] = forge.parts
  const raw = Buffer.from(signature, 'base64url')
  const twin = Buffer.concat([raw.subarray(0, 32), bytes(ORDER - integer(raw.subarray(32)))])
  return `${header}.${claims}.${twin.toString('base64url')}`
}

/** 64 bytes take 86 characters, whose last has four bits that mean nothing. */
function withSpareBit(token: string, bit: number): string {
  return token.slice(0, -1) + ALPHABET[ALPHABET.indexOf(token.at(-1)!) ^ bit]
}

function derOf(raw: Buffer): Buffer {
  const integers = [raw.subarray(0, 32), raw.subarray(32)].map(each => {
    const content = each[0]! & 0x80 ? Buffer.concat([Buffer.from([0]), each]) : each
    return Buffer.concat([Buffer.from([2, content.length]), content])
  })
  const content = Buffer.concat(integers)
  return Buffer.concat([Buffer.from([0x30, content.length]), content])
}
