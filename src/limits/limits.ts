/**
 * How often something may be tried. Attempts add up to a level, and time forgives them one by one. What reaches the
 * burst is blocked for a while, and for longer each time that it goes on.
 */
export type Limit = {
  /** Attempts that are free in a row; at least 2. */
  burst: number
  /** Seconds after which one attempt is forgiven. */
  forgivenAfter: number
  /** Seconds that the first block lasts; each further attempt doubles it. */
  firstBlock: number
  /** Seconds that a block lasts at the most. */
  longestBlock: number
  /** Whether `AUTH_RATE_LIMITS=off` ends it: what guesses nothing, so that load tests and gateways can do without. */
  isOptional: boolean
}

const MINUTE = 60 // seconds
const HOUR = 60 * MINUTE
const QUARTER_HOUR = 15 * MINUTE

/** A password that is guessed: after the burst 30 seconds, then 1, 2, 4 … up to 15 minutes each. */
const guessing = (burst: number): Limit => ({
  burst,
  forgivenAfter: QUARTER_HOUR,
  firstBlock: 30,
  longestBlock: QUARTER_HOUR,
  isOptional: false,
})

/** So many at once, and then one each so many seconds. */
const steady = (burst: number, forgivenAfter: number): Limit => ({
  burst,
  forgivenAfter,
  firstBlock: forgivenAfter,
  longestBlock: forgivenAfter,
  isOptional: true,
})

/**
 * Every limit of attempts, by the name that its refusal tells.
 *
 * Sign-in counts failures alone, since a success gives its attempt back, and no more than that: whoever signs in would
 * otherwise clear what a neighbour behind the same NAT has guessed. Many people share a network, so a network
 * has many; guesses at one address from all over the world have a higher ceiling than those from one network, which
 * alone cannot block anybody else; and a device that has signed in before has a limit of its own instead of all three.
 * Sessions that an account starts are limited once the password has been verified, and so tell nobody else anything.
 * No sign-in is blocked for more than a quarter of an hour; whoever goes on guessing earns the next block, and a known
 * device is the owner's way past them.
 */
export const LIMITS = {
  sign_in_by_address_and_network: guessing(10),
  sign_in_by_address: guessing(100),
  sign_in_by_network: steady(50, 10),
  sign_in_by_device: guessing(10),
  sessions_by_account: steady(100, 10),
  sign_up_by_network: steady(30, MINUTE),
  letter_by_network: steady(20, MINUTE),
  letter_by_mailbox: { ...steady(3, 6 * HOUR), isOptional: false }, // at most 7 in any day
  proof_by_account: guessing(10),
  secret_by_network: steady(50, 10),
} as const satisfies Record<string, Limit>

export type LimitName = keyof typeof LIMITS
