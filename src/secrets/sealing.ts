import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { SealingKeys } from './key-ring.ts'
import { KeysUnavailableError } from './other-keys.ts'

const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Something sealed, and the id of the key that opens it. */
export type Sealed = { sealed: Buffer; sealedWith: string }

/**
 * Seals with AES-256-GCM (NIST SP 800-38D): nonce, tag and ciphertext.
 * @param label what is sealed, bound to it, so that one sealed thing cannot be put in another's place
 */
export function seal(keys: SealingKeys, label: string, content: Buffer): Sealed {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', keys.current.key, nonce).setAAD(Buffer.from(label))
  const ciphertext = Buffer.concat([cipher.update(content), cipher.final()])
  return { sealed: Buffer.concat([nonce, cipher.getAuthTag(), ciphertext]), sealedWith: keys.current.id }
}

/**
 * @throws KeysUnavailableError when the key is not configured here: another process has sealed with it
 * @throws Error when the content or its label was changed
 */
export function unseal(keys: SealingKeys, label: string, { sealed, sealedWith }: Sealed): Buffer {
  const key = keys.byId(sealedWith)
  if (!key)
    throw new KeysUnavailableError(`${label} is sealed with the secret key ${sealedWith}, which is not configured here`)
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES))
    decipher.setAAD(Buffer.from(label)).setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()])
  } catch (cause) {
    throw new Error(`${label} does not open with the secret key ${sealedWith}: one of the two was changed`, { cause })
  }
}
