import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { JWK } from 'jose'

/** A genuine token with the key that signed it, and a second key that is published but of another algorithm. */
export type Genuine = { token: string; privateKey: KeyObject; publicJwk: JWK; otherKid: string }

export type Json = Record<string, unknown>

/** A hostile token; `name` says what is wrong with it. */
export type HostileToken = { name: string; token: string }

const base64url = (text: string | Buffer): string => Buffer.from(text).toString('base64url')

/** Makes tokens like a genuine one, with whatever changed, signed by the service's own key or by the attacker's. */
export class TokenForge {
  readonly genuine: Genuine
  readonly header: Json
  readonly claims: Json
  readonly attacker = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  readonly attackerRsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  readonly attackerEd = generateKeyPairSync('ed25519')

  constructor(genuine: Genuine) {
    this.genuine = genuine
    const [header, claims] = genuine.token.split('.').map(part => Buffer.from(part, 'base64url').toString())
    this.header = JSON.parse(header!)
    this.claims = JSON.parse(claims!)
  }

  get parts(): [header: string, claims: string, signature: string] {
    return this.genuine.token.split('.') as [string, string, string]
  }

  /** Signed by the service's key: what is wrong is the content alone. An `undefined` member is left out. */
  ours(header: Json, claims: Json = {}): string {
    return this.oursFromText(
      JSON.stringify({ ...this.header, ...header }),
      JSON.stringify({ ...this.claims, ...claims }),
    )
  }

  oursFromText(header: string, claims: string | Buffer): string {
    return this.signed(header, claims, this.genuine.privateKey)
  }

  /** Signed by a key that the attacker has. */
  theirs(header: Json, key: KeyObject = this.attacker.privateKey): string {
    return this.signed(JSON.stringify({ ...this.header, ...header }), JSON.stringify(this.claims), key)
  }

  signed(header: string, claims: string | Buffer, key: KeyObject): string {
    const input = `${base64url(header)}.${base64url(claims)}`
    const digest = key.asymmetricKeyType === 'ed25519' ? null : 'sha256'
    return `${input}.${base64url(sign(digest, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }))}`
  }

  /** With a MAC under something public in the place of a signature. */
  maced(alg: 'HS256' | 'HS384' | 'HS512', secret: string | Buffer): string {
    const input = `${base64url(JSON.stringify({ ...this.header, alg }))}.${this.parts[1]}`
    const mac = createHmac(alg.replace('HS', 'sha'), secret).update(input).digest()
    return `${input}.${base64url(mac)}`
  }

  withSignature(signature: string | Buffer, header: Json = {}): string {
    const encoded = base64url(JSON.stringify({ ...this.header, ...header }))
    return `${encoded}.${this.parts[1]}.${typeof signature === 'string' ? signature : base64url(signature)}`
  }
}
