import { freshAddress } from './addresses.ts'
import type { Client } from './client.ts'
import { shuffled } from './compare-answers.ts'
import { type AddressClass, CLASSES, type Endpoint, type Subject } from './endpoints.ts'

/** How often an address is asked about at one endpoint: below what limits by address let pass. */
export const USES_OF_AN_ADDRESS = 2

/** Milliseconds of each answer. */
export type Latencies = Record<AddressClass, number[]>

export type MeasureNeeds = {
  client: Client
  domain: string
  /** At least `samples / USES_OF_AN_ADDRESS` of each class. */
  subjects: Record<AddressClass, Subject[]>
  /** Between 0 and 1, for the order. */
  random(): number
  onStep(): void
}

/**
 * Measures how long answers take, one request at a time, the classes in random order: what changes with time changes
 * for all of them, and what a request leaves behind for the next meets each class as often.
 *
 * @param samples of each class at each endpoint
 */
export async function measureLatency(
  needs: MeasureNeeds,
  endpoints: readonly Endpoint[],
  samples: number,
): Promise<Map<Endpoint, Latencies>> {
  const measured = new Map<Endpoint, Latencies>()
  const chains = new Map<Endpoint['chain'], Record<AddressClass, Subject[]>>()
  for (const endpoint of endpoints) {
    const before = endpoint.isAfterLetter ? chains.get(endpoint.chain) : undefined
    const order = shuffled(
      CLASSES.flatMap(kind => Array.from({ length: samples }, (_, index) => ({ kind, index }))),
      needs.random,
    )
    const latencies: Latencies = { unknown: [], unconfirmed: [], confirmed: [] }
    const asked: Record<AddressClass, Subject[]> = { unknown: [], unconfirmed: [], confirmed: [] }
    for (const { kind, index } of order) {
      const subject = before ? before[kind][index]! : subjectFor(needs, endpoint, kind, index)
      const answer = await needs.client.ask(endpoint.ask(subject))
      latencies[kind].push(answer.milliseconds)
      endpoint.learn?.(subject, answer)
      asked[kind].push(subject)
      needs.onStep()
    }
    chains.set(endpoint.chain, asked)
    measured.set(endpoint, latencies)
  }
  return measured
}

/** An address of the pool with a sign-up of its own; after a sign-up it would not be unknown any more. */
function subjectFor(
  { subjects, domain }: MeasureNeeds,
  endpoint: Endpoint,
  kind: AddressClass,
  index: number,
): Subject {
  const pool = subjects[kind]
  const { email, password } = pool[index % pool.length]!
  return { email: endpoint.isSignUp && kind === 'unknown' ? freshAddress(domain) : email, password }
}
