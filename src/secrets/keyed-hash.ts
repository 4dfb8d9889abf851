import { createHmac } from 'node:crypto'
import type { PurposeKeys } from './key-ring.ts'

const BYTES = 16 // 128 bits

/**
 * A name for something that the database should be able to tell apart and nobody should be able to read there, such as
 * a network: without the key it cannot be tried out against guesses.
 */
export function keyedHash(keys: PurposeKeys, ...parts: readonly string[]): Buffer {
  return createHmac('sha256', keys.current.key).update(JSON.stringify(parts)).digest().subarray(0, BYTES)
}
