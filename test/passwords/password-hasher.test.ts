import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { test } from 'node:test'
import { verify as argon2Verify } from '@node-rs/argon2'
import type { Turn } from '../../src/passwords/hashing-lanes.ts'
import {
  createPasswordHasher,
  type HashParameters,
  type PasswordRecord,
  type Peppers,
} from '../../src/passwords/password-hasher.ts'
import {
  NORMALIZATION_VERSION,
  type NormalizedPassword,
  normalizePassword,
} from '../../src/passwords/password-policy.ts'

const AT_ONCE: Turn = { hash: hashing => hashing() }
const CHEAP: HashParameters = { memoryCost: 8, timeCost: 1, parallelism: 1 }
const keys = new Map([
  ['1', createSecretKey(Buffer.alloc(32, 1))],
  ['2', createSecretKey(Buffer.alloc(32, 2))],
])

/** Peppers of these ids; `byId` need not know the current one. */
function ring(current: string, ...older: string[]) {
  return {
    current: { id: current, key: keys.get(current) ?? assert.fail() },
    byId: (id: string) => (older.includes(id) ? keys.get(id) : undefined),
  }
}

/** Hashes at once, and counts how often. */
function hasherWith(options: { peppers?: Peppers; parameters?: HashParameters } = {}) {
  const hasher = createPasswordHasher({ peppers: ring('1'), parameters: CHEAP, ...options })
  const counted = { hashes: 0 }
  const turn: Turn = {
    hash(hashing) {
      counted.hashes++
      return AT_ONCE.hash(hashing)
    },
  }
  return {
    counted,
    hash: (password: NormalizedPassword) => hasher.hash(turn, password),
    verify: (password: NormalizedPassword, record: PasswordRecord | undefined) => hasher.verify(turn, password, record),
  }
}

function password(text: string) {
  return normalizePassword(text) ?? assert.fail('over the limits')
}

const MATCH = { matches: true, outdated: false }
const OUTDATED_MATCH = { matches: true, outdated: true }
const NO_MATCH = { matches: false, outdated: false }

test('a password verifies against its record, another does not', async () => {
  const { hash, verify } = hasherWith()
  const record = await hash(password('open sesame'))
  assert.deepEqual(await verify(password('open sesame'), record), MATCH)
  assert.deepEqual(await verify(password('Open sesame'), record), NO_MATCH)
})

test('by default a record is argon2id with 19 MiB and two passes, and names its key and normalisation [R29]', async () => {
  const byDefault = createPasswordHasher({ peppers: ring('1') })
  const record = await byDefault.hash(AT_ONCE, password('open sesame'))
  assert.match(record.phc, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
  assert.deepEqual([record.pepper, record.version], ['1', NORMALIZATION_VERSION])
  assert.deepEqual(await byDefault.verify(AT_ONCE, password('open sesame'), record), MATCH)
})

test('two records of one password differ', async () => {
  const { hash } = hasherWith()
  const [one, other] = await Promise.all([hash(password('open sesame')), hash(password('open sesame'))])
  assert.notEqual(one.phc, other.phc)
})

test('a password typed in decomposed form opens the account that was made with the composed one [R26]', async () => {
  const { hash, verify } = hasherWith()
  const record = await hash(password('Gl\u00fccksk\u00e4fer'))
  assert.deepEqual(await verify(password('Glu\u0308ckska\u0308fer'), record), MATCH)
  assert.deepEqual(await verify(password('Gluckskafer'), record), NO_MATCH)
})

test('passwords that differ only in their last character are different, however long [R25]', async () => {
  const { hash, verify } = hasherWith()
  for (const length of [8, 72, 73, 128, 255]) {
    const record = await hash(password(`${'x'.repeat(length)}a`))
    assert.deepEqual(await verify(password(`${'x'.repeat(length)}a`), record), MATCH)
    assert.deepEqual(await verify(password(`${'x'.repeat(length)}b`), record), NO_MATCH, `after ${length}`)
    assert.deepEqual(await verify(password('x'.repeat(length)), record), NO_MATCH, `cut at ${length}`)
  }
})

test('passwords that differ only after a NUL are different [R25]', async () => {
  const { hash, verify } = hasherWith()
  const record = await hash(password('open\u0000sesame'))
  assert.deepEqual(await verify(password('open\u0000sesame'), record), MATCH)
  assert.deepEqual(await verify(password('open\u0000sesamE'), record), NO_MATCH)
  assert.deepEqual(await verify(password('open'), record), NO_MATCH)
})

test('the database alone verifies no password [R30]', async () => {
  const { hash } = hasherWith()
  const { phc } = await hash(password('open sesame'))
  assert.equal(await argon2Verify(phc, 'open sesame'), false)
  assert.equal(await argon2Verify(phc, 'open sesame', { secret: Buffer.alloc(32, 9) }), false)
  assert.equal(await argon2Verify(phc, 'open sesame', { secret: Buffer.alloc(32, 1) }), true)
})

test('an unknown account never matches and is hashed for as a known one is [R02]', async () => {
  const { hash, verify, counted } = hasherWith()
  const record = await hash(password('open sesame'))
  const startedBy = async (found: PasswordRecord | undefined) => {
    const before = counted.hashes
    const { matches } = await verify(password('open sesame'), found)
    return { matches, verifications: counted.hashes - before }
  }
  assert.deepEqual(await startedBy(record), { matches: true, verifications: 1 })
  assert.deepEqual(await startedBy(undefined), { matches: false, verifications: 1 })
})

test('a record of an older key verifies while that key is configured, and is outdated', async () => {
  const record = await hasherWith({ peppers: ring('1') }).hash(password('open sesame'))
  const { verify } = hasherWith({ peppers: ring('2', '1') })
  assert.deepEqual(await verify(password('open sesame'), record), OUTDATED_MATCH)
})

test('a hash made after a key was put in front is of that key', async () => {
  const { hash, verify } = hasherWith({ peppers: ring('2', '1') })
  const record = await hash(password('open sesame'))
  assert.equal(record.pepper, '2')
  assert.deepEqual(await verify(password('open sesame'), record), MATCH)
  assert.deepEqual(await verify(password('open sesame'), { ...record, pepper: '1' }), NO_MATCH)
})

test('a record whose pepper does not exist is a fault that names it, not a wrong password', async () => {
  const record = await hasherWith({ peppers: ring('1') }).hash(password('open sesame'))
  const { verify } = hasherWith({ peppers: ring('2') })
  await assert.rejects(verify(password('open sesame'), record), /pepper "1"/)
})

test('a record of lower parameters is outdated, one of the same or higher ones is not [R29]', async () => {
  const current = { memoryCost: 32, timeCost: 2, parallelism: 2 }
  const { verify } = hasherWith({ parameters: current })
  const found = async (parameters: HashParameters) => {
    const record = await hasherWith({ parameters }).hash(password('open sesame'))
    return verify(password('open sesame'), record)
  }
  assert.deepEqual(await found(current), MATCH)
  assert.deepEqual(await found({ memoryCost: 64, timeCost: 3, parallelism: 3 }), MATCH)
  assert.deepEqual(await found({ ...current, memoryCost: 31 }), OUTDATED_MATCH)
  assert.deepEqual(await found({ ...current, timeCost: 1 }), OUTDATED_MATCH)
  assert.deepEqual(await found({ ...current, parallelism: 1 }), OUTDATED_MATCH)
})

test('a record of an older normalisation is outdated [R29]', async () => {
  const { hash, verify } = hasherWith()
  const record = await hash(password('open sesame'))
  const older = { ...record, version: NORMALIZATION_VERSION - 1 }
  assert.deepEqual(await verify(password('open sesame'), older), OUTDATED_MATCH)
})

test('a wrong password never asks for a new hash', async () => {
  const record = await hasherWith({ peppers: ring('1') }).hash(password('open sesame'))
  const { verify } = hasherWith({ peppers: ring('2', '1') })
  assert.deepEqual(await verify(password('open says me'), record), NO_MATCH)
})

test('a record that argon2id did not make is a fault, and the fault does not show it', async () => {
  const { hash, verify } = hasherWith()
  const good = await hash(password('open sesame'))
  const garbled = [
    '',
    'open sesame',
    good.phc.slice(0, -30),
    good.phc.replace('argon2id', 'argon2i'),
    good.phc.replace('v=19', 'v=16'),
    '$2b$12$abcdefghijklmnopqrstuvabcdefghijklmnopqrstuvabcdefghijk',
  ]
  for (const phc of garbled) {
    await assert.rejects(verify(password('open sesame'), { ...good, phc }), {
      message: 'a stored password is not an argon2id hash of version 19',
    })
  }
})

test('a pepper of another length than 32 bytes is refused before anything is hashed with it', async () => {
  const peppers = { current: { id: '1', key: createSecretKey(Buffer.alloc(16)) }, byId: () => undefined }
  await assert.rejects(hasherWith({ peppers }).hash(password('open sesame')), /32 bytes/)
})
