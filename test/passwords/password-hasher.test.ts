import assert from 'node:assert/strict'
import { test } from 'node:test'
import { verify as argon2Verify } from '@node-rs/argon2'
import { HashingLanes, OverloadedError } from '../../src/passwords/hashing-lanes.ts'
import { createPasswordHasher, type HashParameters, type PasswordRecord } from '../../src/passwords/password-hasher.ts'
import { NORMALIZATION_VERSION, normalizePassword } from '../../src/passwords/password-policy.ts'

const CHEAP: HashParameters = { memoryCost: 8, timeCost: 1, parallelism: 1 }
const NETWORK = '192.0.2.1'
const keys = new Map([
  ['1', Buffer.alloc(32, 1)],
  ['2', Buffer.alloc(32, 2)],
])

/** Peppers of these ids; `byId` need not know the current one. */
function ring(current: string, ...older: string[]) {
  return {
    current: { id: current, key: keys.get(current) ?? assert.fail() },
    byId: (id: string) => (older.includes(id) ? keys.get(id) : undefined),
  }
}

function hasherWith({ peppers = ring('1'), parameters = CHEAP, lanes = new HashingLanes() } = {}) {
  return { lanes, ...createPasswordHasher({ peppers, lanes, parameters }) }
}

function password(text: string) {
  return normalizePassword(text) ?? assert.fail('over the limits')
}

const MATCH = { matches: true, outdated: false }
const OUTDATED_MATCH = { matches: true, outdated: true }
const NO_MATCH = { matches: false, outdated: false }

test('a password verifies against its record, another does not', async () => {
  const { hash, verify } = hasherWith()
  const record = await hash(password('open sesame'), NETWORK)
  assert.deepEqual(await verify(password('open sesame'), record, NETWORK), MATCH)
  assert.deepEqual(await verify(password('Open sesame'), record, NETWORK), NO_MATCH)
})

test('by default a record is argon2id with 19 MiB and two passes, and names its key and normalisation [R29]', async () => {
  const { hash, verify } = createPasswordHasher({ peppers: ring('1'), lanes: new HashingLanes() })
  const record = await hash(password('open sesame'), NETWORK)
  assert.match(record.phc, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
  assert.deepEqual([record.pepper, record.version], ['1', NORMALIZATION_VERSION])
  assert.deepEqual(await verify(password('open sesame'), record, NETWORK), MATCH)
})

test('two records of one password differ', async () => {
  const { hash } = hasherWith()
  const [one, other] = await Promise.all([
    hash(password('open sesame'), NETWORK),
    hash(password('open sesame'), NETWORK),
  ])
  assert.notEqual(one.phc, other.phc)
})

test('a password typed in decomposed form opens the account that was made with the composed one [R26]', async () => {
  const { hash, verify } = hasherWith()
  const record = await hash(password('Gl\u00fccksk\u00e4fer'), NETWORK)
  assert.deepEqual(await verify(password('Glu\u0308ckska\u0308fer'), record, NETWORK), MATCH)
  assert.deepEqual(await verify(password('Gluckskafer'), record, NETWORK), NO_MATCH)
})

test('passwords that differ only in their last character are different, however long [R25]', async () => {
  const { hash, verify } = hasherWith()
  for (const length of [8, 72, 73, 128, 255]) {
    const record = await hash(password(`${'x'.repeat(length)}a`), NETWORK)
    assert.deepEqual(await verify(password(`${'x'.repeat(length)}a`), record, NETWORK), MATCH)
    assert.deepEqual(await verify(password(`${'x'.repeat(length)}b`), record, NETWORK), NO_MATCH, `after ${length}`)
    assert.deepEqual(await verify(password('x'.repeat(length)), record, NETWORK), NO_MATCH, `cut at ${length}`)
  }
})

test('passwords that differ only after a NUL are different [R25]', async () => {
  const { hash, verify } = hasherWith()
  const record = await hash(password('open\u0000sesame'), NETWORK)
  assert.deepEqual(await verify(password('open\u0000sesame'), record, NETWORK), MATCH)
  assert.deepEqual(await verify(password('open\u0000sesamE'), record, NETWORK), NO_MATCH)
  assert.deepEqual(await verify(password('open'), record, NETWORK), NO_MATCH)
})

test('the database alone verifies no password [R30]', async () => {
  const { hash } = hasherWith()
  const { phc } = await hash(password('open sesame'), NETWORK)
  assert.equal(await argon2Verify(phc, 'open sesame'), false)
  assert.equal(await argon2Verify(phc, 'open sesame', { secret: Buffer.alloc(32, 9) }), false)
  assert.equal(await argon2Verify(phc, 'open sesame', { secret: Buffer.alloc(32, 1) }), true)
})

test('an unknown account never matches and goes through the lanes as a known one does [R02]', async () => {
  const { hash, verify, lanes } = hasherWith()
  const record = await hash(password('open sesame'), NETWORK)
  const startedBy = async (found: PasswordRecord | undefined) => {
    const before = lanes.started
    const { matches } = await verify(password('open sesame'), found, NETWORK)
    return { matches, verifications: lanes.started - before }
  }
  assert.deepEqual(await startedBy(record), { matches: true, verifications: 1 })
  assert.deepEqual(await startedBy(undefined), { matches: false, verifications: 1 })
})

test('an unknown account waits and is refused as a known one is [R02]', async () => {
  const { hash, verify, lanes } = hasherWith({ lanes: new HashingLanes({ lanes: 1, capacity: 0 }) })
  const record = await hash(password('open sesame'), NETWORK)
  const ending = Promise.withResolvers<void>()
  const busy = lanes.run(NETWORK, () => ending.promise)
  for (const found of [record, undefined]) {
    await assert.rejects(verify(password('open sesame'), found, NETWORK), OverloadedError)
  }
  ending.resolve()
  await busy
})

test('a record of an older key verifies while that key is configured, and is outdated', async () => {
  const record = await hasherWith({ peppers: ring('1') }).hash(password('open sesame'), NETWORK)
  const { verify } = hasherWith({ peppers: ring('2', '1') })
  assert.deepEqual(await verify(password('open sesame'), record, NETWORK), OUTDATED_MATCH)
})

test('a hash made after a key was put in front is of that key', async () => {
  const { hash, verify } = hasherWith({ peppers: ring('2', '1') })
  const record = await hash(password('open sesame'), NETWORK)
  assert.equal(record.pepper, '2')
  assert.deepEqual(await verify(password('open sesame'), record, NETWORK), MATCH)
  assert.deepEqual(await verify(password('open sesame'), { ...record, pepper: '1' }, NETWORK), NO_MATCH)
})

test('a record whose key is no longer configured is a fault that names the key, not a wrong password', async () => {
  const record = await hasherWith({ peppers: ring('1') }).hash(password('open sesame'), NETWORK)
  const { verify } = hasherWith({ peppers: ring('2') })
  await assert.rejects(verify(password('open sesame'), record, NETWORK), /secret key "1".*AUTH_SECRET_KEY/s)
})

test('a record of lower parameters is outdated, one of the same or higher ones is not [R29]', async () => {
  const current = { memoryCost: 32, timeCost: 2, parallelism: 2 }
  const { verify } = hasherWith({ parameters: current })
  const found = async (parameters: HashParameters) => {
    const record = await hasherWith({ parameters }).hash(password('open sesame'), NETWORK)
    return verify(password('open sesame'), record, NETWORK)
  }
  assert.deepEqual(await found(current), MATCH)
  assert.deepEqual(await found({ memoryCost: 64, timeCost: 3, parallelism: 3 }), MATCH)
  assert.deepEqual(await found({ ...current, memoryCost: 31 }), OUTDATED_MATCH)
  assert.deepEqual(await found({ ...current, timeCost: 1 }), OUTDATED_MATCH)
  assert.deepEqual(await found({ ...current, parallelism: 1 }), OUTDATED_MATCH)
})

test('a record of an older normalisation is outdated [R29]', async () => {
  const { hash, verify } = hasherWith()
  const record = await hash(password('open sesame'), NETWORK)
  const older = { ...record, version: NORMALIZATION_VERSION - 1 }
  assert.deepEqual(await verify(password('open sesame'), older, NETWORK), OUTDATED_MATCH)
})

test('a wrong password never asks for a new hash', async () => {
  const record = await hasherWith({ peppers: ring('1') }).hash(password('open sesame'), NETWORK)
  const { verify } = hasherWith({ peppers: ring('2', '1') })
  assert.deepEqual(await verify(password('open says me'), record, NETWORK), NO_MATCH)
})

test('a record that argon2id did not make is a fault, and the fault does not show it', async () => {
  const { hash, verify } = hasherWith()
  const good = await hash(password('open sesame'), NETWORK)
  const garbled = [
    '',
    'open sesame',
    good.phc.slice(0, -30),
    good.phc.replace('argon2id', 'argon2i'),
    good.phc.replace('v=19', 'v=16'),
    '$2b$12$abcdefghijklmnopqrstuvabcdefghijklmnopqrstuvabcdefghijk',
  ]
  for (const phc of garbled) {
    await assert.rejects(verify(password('open sesame'), { ...good, phc }, NETWORK), {
      message: 'a stored password is not an argon2id hash of version 19',
    })
  }
})

test('a pepper of another length than 32 bytes is refused before anything is hashed with it', () => {
  const peppers = { current: { id: '1', key: Buffer.alloc(16) }, byId: () => undefined }
  assert.throws(() => createPasswordHasher({ peppers, lanes: new HashingLanes(), parameters: CHEAP }), /32 bytes/)
})

test('a client that has gone takes no lane', async () => {
  const { hash, verify, lanes } = hasherWith()
  const gone = AbortSignal.abort(new Error('the client has gone'))
  await assert.rejects(hash(password('open sesame'), NETWORK, gone), /the client has gone/)
  await assert.rejects(verify(password('open sesame'), undefined, NETWORK, gone), /the client has gone/)
  assert.equal(lanes.started, 0)
})
