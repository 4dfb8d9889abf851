import { globSync } from 'node:fs'
import { join } from 'node:path'

/** Code that is mutated together, and the tests that judge it, in the order in which they are tried. */
export type Part = {
  name: string
  /** Files; the code of each is changed in small ways, one at a time. */
  mutated: string[]
  /** Quick and close ones first: a change that no test notices costs the time of all. */
  tests: string[]
  /** How many changes are tried at once. */
  atOnce: number
}

const ROOT = join(import.meta.dirname, '../..')
const filesOf = (pattern: string) => globSync(pattern, { cwd: ROOT }).sort()

/** Where a fault would let somebody in. */
export const PARTS: readonly Part[] = [
  {
    name: 'addresses',
    mutated: ['src/email/address.ts'],
    tests: ['email/address', 'stories/sign-up-to-access-token', 'attacks/addresses'],
    atOnce: 2,
  },
  {
    name: 'tokens',
    mutated: ['src/sessions/refresh-token.ts', 'src/sessions/rotate.ts', ...filesOf('src/tokens/**/*.ts')],
    tests: [
      ...['tokens/signing-algorithms', 'tokens/access-token', 'tokens/signing-keys', 'sessions/rotation'],
      ...['sessions/token-endpoint', 'attacks/tokens/issued-tokens'],
      ...['stories/sign-up-to-access-token', 'attacks/tokens/kinds', 'attacks/tokens/key-rotation', 'generated'],
      ...['audit/events', 'attacks/tokens/verifier'],
    ],
    atOnce: 2,
  },
  {
    name: 'confirmation',
    mutated: filesOf('src/confirmation/*.ts'),
    tests: [
      ...['confirmation/confirming', 'stories/pre-hijacking', 'stories/equal-answers', 'audit/events', 'generated'],
      ...['attacks/missing-proof', 'limits/refusals', 'confirmation/messages'],
    ],
    atOnce: 2,
  },
  {
    name: 'letters',
    mutated: filesOf('src/confirmation/letters/*.ts').filter(file => !file.endsWith('letter-texts.ts')), // words
    tests: [
      ...['confirmation/confirming', 'confirmation/messages', 'stories/equal-answers', 'audit/events'],
      ...['limits/letters', 'confirmation/recording-sent', 'attacks/links', 'confirmation/giving-up'],
      ...['confirmation/held-letters', 'confirmation/ticket-interference'],
    ],
    atOnce: 6, // a test that waits in vain for a letter does so for 15 seconds, and computes nothing
  },
].map(part => ({ ...part, tests: part.tests.map(name => `test/${name}.test.ts`) }))
