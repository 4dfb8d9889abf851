import { createHmac, type KeyObject } from 'node:crypto'
import type { PurposeKeys } from './key-ring.ts'

const BYTES = 16 // 128 bits

/**
 * A name for something that the database should be able to tell apart and nobody should be able to read there, such as
 * a network: without the key it cannot be tried out against guesses.
 */
export function keyedHash(keys: PurposeKeys, ...parts: readonly string[]): Buffer {
  return hashOf(keys.current.key, parts)
}

/** The same by each of the keys, since processes whose settings differ for a while name it by different ones. */
export function keyedHashes(keys: PurposeKeys, ...parts: readonly string[]): Buffer[] {
  return keys.all.map(({ key }) => hashOf(key, parts))
}

const hashOf = (key: KeyObject, parts: readonly string[]): Buffer =>
  createHmac('sha256', key).update(JSON.stringify(parts)).digest().subarray(0, BYTES)
