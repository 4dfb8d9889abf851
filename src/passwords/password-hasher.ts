import { type KeyObject, randomBytes } from 'node:crypto'
import { hash as argon2Hash, verify as argon2Verify, type Options, parseOptions } from '@node-rs/argon2'
import type { Turn } from './hashing-lanes.ts'
import { NORMALIZATION_VERSION, type NormalizedPassword } from './password-policy.ts'

const PEPPER_BYTES = 32 // 256 bits

/** The cost of a hash (RFC 9106 section 3.1). */
export type HashParameters = {
  /** KiB */
  memoryCost: number
  /** passes */
  timeCost: number
  /** threads */
  parallelism: number
}

// OWASP Password Storage Cheat Sheet, the first argon2id choice with 19 MiB.
const CURRENT_PARAMETERS: HashParameters = { memoryCost: 19 * 1024, timeCost: 2, parallelism: 1 }

/** What is stored for a password. Without the pepper, which is not stored, it cannot be tried against guesses. */
export type PasswordRecord = {
  /** argon2's own string with its parameters and salt. */
  phc: string
  /** The id of the pepper. */
  pepper: string
  /** The `NORMALIZATION_VERSION` of the password that was hashed. */
  version: number
}

/**
 * The keys that passwords are peppered with, 32 bytes each: that of new hashes, which can change at any time, and those
 * of older ones.
 */
export type Peppers = {
  readonly current: { id: string; key: KeyObject }
  byId(id: string): Promise<KeyObject | undefined> | KeyObject | undefined
}

/** What verifying found; `outdated` says that the matching password should be hashed anew. */
export type Verification = { matches: true; outdated: boolean } | { matches: false; outdated: false }

/**
 * Hashes and verifies passwords, each in a turn that `HashingLanes.run` gave. Never call them inside a transaction: they
 * wait for a lane.
 */
export type PasswordHasher = {
  /** Hashes a password with a salt of its own, the current pepper and the current parameters. */
  hash(turn: Turn, password: NormalizedPassword): Promise<PasswordRecord>

  /**
   * Verifies a password.
   *
   * @param record what is stored, or undefined for an account that does not exist: it never matches and costs as much
   * @throws {Error} when the record is not argon2's, or its pepper is not to be had: a fault of the configuration or of
   * the data, which must not look like a wrong password
   */
  verify(turn: Turn, password: NormalizedPassword, record: PasswordRecord | undefined): Promise<Verification>
}

/**
 * Makes the hasher. The pepper enters argon2id as its secret value (RFC 9106 section 3.1, parameter K), so that a
 * stolen database alone verifies nothing (NIST SP 800-63B-4 section 3.1.1.2).
 *
 * Unknown accounts are verified against a record made here, with the current parameters. Accounts whose record is still
 * of older parameters answer at the older speed until their next sign-in.
 */
export function createPasswordHasher({
  peppers,
  parameters = CURRENT_PARAMETERS,
}: {
  peppers: Peppers
  parameters?: HashParameters
}): PasswordHasher {
  const nobody = hashOfNothing(parameters)

  const recordOf = (phc: string): PasswordRecord => ({
    phc,
    pepper: peppers.current.id,
    version: NORMALIZATION_VERSION,
  })

  async function pepperOf({ pepper }: PasswordRecord): Promise<Buffer> {
    const { current } = peppers
    const key = pepper === current.id ? current.key : await peppers.byId(pepper)
    if (key) return bytesOf(pepper, key)
    throw new Error(`a stored password names the pepper "${pepper}", which does not exist`)
  }

  function isOutdated(record: PasswordRecord): boolean {
    const made = parametersOf(record)
    return (
      record.pepper !== peppers.current.id ||
      record.version < NORMALIZATION_VERSION ||
      made.memoryCost < parameters.memoryCost ||
      made.timeCost < parameters.timeCost ||
      made.parallelism < parameters.parallelism
    )
  }

  return {
    async hash(turn, password) {
      const { id, key } = peppers.current
      const options: Options = { ...parameters, secret: bytesOf(id, key) }
      return { ...recordOf(await turn.hash(() => argon2Hash(password, options))), pepper: id }
    },

    async verify(turn, password, record) {
      const verified = record ?? recordOf(nobody)
      const secret = await pepperOf(verified)
      const outdated = isOutdated(verified)
      const matches = await turn.hash(() => argon2Verify(verified.phc, password, { secret }))
      return matches && record !== undefined ? { matches, outdated } : { matches: false, outdated: false }
    },
  }
}

function bytesOf(id: string, key: KeyObject): Buffer {
  const bytes = key.export()
  if (bytes.length === PEPPER_BYTES) return bytes
  throw new Error(`the pepper "${id}" must be of ${PEPPER_BYTES} bytes, found ${bytes.length}`)
}

/** What reads as a hash, and verifies no password that anybody could find, as its bytes were drawn and not computed. */
function hashOfNothing({ memoryCost, timeCost, parallelism }: HashParameters): string {
  const drawn = (bytes: number) => randomBytes(bytes).toString('base64').replaceAll('=', '')
  return `$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$${drawn(16)}$${drawn(32)}`
}

// The stored string stays out of the message, and so does argon2's own error: logs are no place for hashes.
function parametersOf(record: PasswordRecord): HashParameters {
  if (record.phc.startsWith('$argon2id$v=19$')) {
    try {
      return parseOptions(record.phc)
    } catch {}
  }
  throw new Error('a stored password is not an argon2id hash of version 19')
}
