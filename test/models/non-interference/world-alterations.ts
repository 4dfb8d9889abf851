import type { Alteration } from '../../support/altered-source.ts'

/** So that a sequence takes a fraction of a second, and what the service does in a world is done when the world says so. */
export const FOR_WORLDS: Alteration[] = [
  // Hashing for nothing: that it costs the same for all is shown elsewhere.
  {
    file: 'passwords/password-hasher.ts',
    find: '= { memoryCost: 19 * 1024, timeCost: 2, parallelism: 1 }',
    replace: '= { memoryCost: 8, timeCost: 1, parallelism: 1 }',
  },
  // Refusals are not held back for seconds when there are many.
  { file: 'http/held-refusals.ts', find: 'const AT_ONCE = 20 ', replace: 'const AT_ONCE = 1e9 ' },
  // What comes due is done by the world, right after it has moved the clock.
  { file: 'housekeeping.ts', find: 'const MINUTE = 60_000 ', replace: 'const MINUTE = 2e8 ' },
  // But keys are loaded: a process that has seen none for five minutes signs nothing.
  { file: 'housekeeping.ts', find: 'const LOAD_KEYS_EVERY = MINUTE / 3', replace: 'const LOAD_KEYS_EVERY = 20_000' },
]
