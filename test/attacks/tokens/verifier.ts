import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import type { JWK } from 'jose'
import { KeyRing } from '../../../src/secrets/key-ring.ts'
import { AccessTokens } from '../../../src/tokens/access-token.ts'
import { SigningKeys } from '../../../src/tokens/signing-keys.ts'
import type { Experiment } from '../../proof/experiment.ts'
import { seededRandom } from '../../proof/random.ts'
import { type OpenedDatabase, openTestDatabase } from '../../support/database.ts'
import { SECRET_KEY } from '../../support/service.ts'
import { hostileClaims } from './hostile-claims.ts'
import { hostileHeaders } from './hostile-headers.ts'
import { hostileSpellings } from './hostile-spellings.ts'
import { type HostileToken, TokenForge } from './token-forge.ts'

const ORIGIN = 'https://auth.example'

export const verifier: Experiment = {
  id: 'R59',
  title: 'Forged and altered access tokens',
  claim: 'No access token is accepted but those that the service signed, as it signed them.',
  command: 'prove',
  proves: ['R56', 'R59'],
  trials: { short: 2_000, full: 100_000 },
  async run({ trials, seed, directory, progress }) {
    await using opened = await openVerifier()
    const { forge, tokens } = opened
    if (!(await tokens.verify(forge.genuine.token))) throw new Error('The genuine token was refused')
    const vectors = hostileTokens(forge)
    const evidence = createWriteStream(join(directory, 'accepted.jsonl'))
    const accepted = async (each: HostileToken) => {
      if (!(await tokens.verify(each.token))) return false
      evidence.write(`${JSON.stringify(each)}\n`)
      return true
    }
    let acceptedVectors = 0
    for (const vector of vectors) if (await accepted(vector)) acceptedVectors += 1
    const random = seededRandom(seed)
    let acceptedFlips = 0
    for (let done = 0; done < trials; done++) {
      if (await accepted({ name: `flip ${done} of seed ${seed}`, token: flipped(forge, random) })) acceptedFlips += 1
      if (done % 5_000 === 0) progress(done)
    }
    await new Promise(resolve => evidence.end(resolve))
    return {
      trials,
      unit: 'flipped bits',
      counted: [
        { what: 'forged tokens that were accepted', count: acceptedVectors, of: vectors.length },
        { what: 'tokens with a flipped bit that were accepted', count: acceptedFlips, of: trials },
      ],
      measured: [],
      remarks: [
        'A bit is flipped in the bytes of the header, the claims or the signature, or in the text of the first two.',
        'The twin (r, n - s) of an ES256 signature is no forgery: anybody can compute it, and it says the same.',
      ],
    }
  },
}

/** All tokens by name that have to be refused. */
export function hostileTokens(forge: TokenForge): HostileToken[] {
  return [...hostileHeaders(forge), ...hostileClaims(forge, Math.floor(Date.now() / 1_000)), ...hostileSpellings(forge)]
}

/** The service's verifier, with keys of two algorithms, as after a change of the setting. */
async function openVerifier() {
  const opened = await openTestDatabase('PGlite')
  return { ...(await forgeOn(opened, ORIGIN)), [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() }
}

async function forgeOn({ database }: OpenedDatabase, origin: string) {
  const open = (algorithm: 'ES256' | 'EdDSA') =>
    SigningKeys.open({ database, sealing: KeyRing.parse(SECRET_KEY).sealing, algorithm, accessTokenTtl: 300 })
  await open('ES256')
  const keys = await open('EdDSA')
  const tokens = new AccessTokens({
    keys,
    issuer: () => origin,
    audience: () => origin,
    clientId: 'default',
    ttl: 300,
    now: Date.now,
  })
  const token = tokens.issue({ accountId: 'account', sessionId: 'session', authenticatedAt: new Date(), amr: ['pwd'] })
  return { tokens, forge: forgeFor(keys, token) }
}

/** @param token that these keys signed with ES256 */
export function forgeFor(keys: SigningKeys, token: string): TokenForge {
  const own = keys.jwks.keys.find(({ kid }) => kid === keys.current.id) as JWK
  const other = keys.jwks.keys.find(({ kid }) => kid !== keys.current.id)!
  return new TokenForge({ token, privateKey: keys.current.privateKey, publicJwk: own, otherKid: other.kid! })
}

/** The genuine token with one bit flipped. In the text of the signature four bits mean nothing: not there. */
function flipped(forge: TokenForge, random: () => number): string {
  const parts = forge.parts.map(part => Buffer.from(part, 'base64url'))
  const texts = forge.parts.map(part => Buffer.from(part))
  const isText = random() < 0.3
  const target = isText ? texts[Math.floor(random() * 2)]! : parts[Math.floor(random() * 3)]!
  const bit = Math.floor(random() * target.length * 8)
  target[bit >> 3]! ^= 1 << (bit & 7)
  return isText
    ? texts.map(text => text.toString('latin1')).join('.')
    : parts.map(part => part.toString('base64url')).join('.')
}
