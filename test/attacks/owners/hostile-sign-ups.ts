/** What strangers do to an address for a day, so that its owner gets no email. */

export const PATTERNS = ['a burst', 'a drip', 'after the owner', 'retries', '+tag variants'] as const
export type Pattern = (typeof PATTERNS)[number]

/** What is done at a minute of the day. Networks are numbers. */
export type Deed = { minute: number } & (
  | { does: 'signs up'; network: number; tag?: string }
  /** The ticket of an earlier sign-up from the network, if there is any. */
  | { does: 'asks by ticket'; network: number }
  | { does: 'asks by address'; network: number }
)

export type HostileDay = {
  pattern: Pattern
  /** The minute of the owner's first sign-up. */
  ownerAt: number
  /** Minutes until the owner tries again, after each hour without an email. */
  againAfter: number
  deeds: Deed[]
}

export const DAY = 24 * 60 // minutes
const HOUR = 60 // minutes
const LEAST_NETWORKS = 75
const SLOT = 5 // minutes
const FRESH = 200 // the first number of networks that come later

/** @param random numbers in [0, 1) */
export function hostileDay(pattern: Pattern, random: () => number): HostileDay {
  const between = (from: number, below: number) => from + Math.floor(random() * (below - from))
  // Few minutes at which anything happens make a day short.
  const slot = (from: number, below = DAY) => Math.ceil(between(from, below) / SLOT) * SLOT
  const ownerAt = between(HOUR, 22 * HOUR)
  const networks = Array.from({ length: between(LEAST_NETWORKS, 120) }, (_, index) => index + 1)
  const burstAt = between(0, ownerAt - 5)
  const burst = (tag?: () => string | undefined): Deed[] =>
    networks.map(network => {
      const chosen = tag?.()
      return { minute: burstAt + between(0, 5), does: 'signs up', network, ...(chosen && { tag: chosen }) }
    })
  const byAddress = Array.from(
    { length: between(0, 20) },
    (): Deed => ({
      minute: slot(0),
      does: 'asks by address',
      network: between(1, LEAST_NETWORKS),
    }),
  )
  const deeds: Record<Pattern, () => Deed[]> = {
    'a burst': () => burst(),
    'a drip': () => networks.map(network => ({ minute: slot(0), does: 'signs up', network })),
    'after the owner': () => [
      ...burst(),
      ...networks
        .slice(0, 25)
        .map((network): Deed => ({ minute: slot(ownerAt, ownerAt + HOUR), does: 'signs up', network })),
      ...Array.from({ length: between(1, 15) }, (_, index): Deed => {
        return { minute: slot(ownerAt, ownerAt + HOUR), does: 'signs up', network: FRESH + index }
      }),
    ],
    retries: () => [
      ...burst(),
      ...networks.map((network): Deed => ({ minute: slot(burstAt), does: 'signs up', network })),
      ...networks.map((network): Deed => ({ minute: slot(burstAt), does: 'asks by ticket', network })),
    ],
    '+tag variants': () => burst(() => (random() < 0.2 ? undefined : `tag${between(0, 12)}`)),
  }
  const againAfter = between(1, HOUR)
  return {
    pattern,
    ownerAt,
    againAfter,
    deeds: [...deeds[pattern](), ...byAddress].toSorted((a, b) => a.minute - b.minute),
  }
}
