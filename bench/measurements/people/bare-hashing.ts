/** Hashes passwords and does nothing else: what sign-ins could reach if nothing else took time. */

import { createSecretKey, randomBytes } from 'node:crypto'
import { HashingLanes } from '../../../src/passwords/hashing-lanes.ts'
import { lowerHashingPriority } from '../../../src/passwords/hashing-priority.ts'
import { createPasswordHasher } from '../../../src/passwords/password-hasher.ts'
import { normalizePassword } from '../../../src/passwords/password-policy.ts'
import { answerParent } from '../../../test/measuring/helper-process.ts'

export type HashingQuestion = { /** Seconds. */ duration: number }
export type HashingAnswer = { /** A second. */ rate: number; lanes: number }

answerParent<HashingQuestion, HashingAnswer>(async ({ duration }) => {
  const lanes = new HashingLanes()
  await lowerHashingPriority()
  const current = { id: 'pepper', key: createSecretKey(randomBytes(32)) }
  const hasher = createPasswordHasher({ peppers: { current, byId: () => undefined } })
  const password = normalizePassword(randomBytes(12).toString('hex'))!
  const record = await lanes.run({ network: 'a' }, turn => hasher.hash(turn, password))
  let count = 0
  const began = performance.now()
  const until = began + duration * 1_000
  const lane = async (network: string) => {
    for (; performance.now() < until; count++)
      await lanes.run({ network }, turn => hasher.verify(turn, password, record))
  }
  await Promise.all(Array.from({ length: lanes.lanes + 1 }, (_, index) => lane(String(index))))
  return { rate: count / ((performance.now() - began) / 1_000), lanes: lanes.lanes }
})
