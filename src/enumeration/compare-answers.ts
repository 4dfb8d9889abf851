import { setTimeout as pause } from 'node:timers/promises'
import { type AddressMaker, type MailboxReader, unexpected } from './addresses.ts'
import { type Answer, type Client, jsonOf } from './client.ts'
import {
  type AddressClass,
  CLASSES,
  type Endpoint,
  isLimitOfAddress,
  type Subject,
  statusRequest,
} from './endpoints.ts'
import { type AnswerReader, differencesBetween, type Part, type VisibleAnswer } from './visible-answer.ts'

/** Where the answer for a known address differs from that for an unknown one. */
export type Difference = {
  class: AddressClass
  part: Part | 'letters'
  /** For the unknown address, or one letter; and for the one of the class. */
  expected: string
  found: string
}

export type Comparison = {
  /** Of the unknown address. */
  status: number
  /** Each once, however often it was met. */
  differences: Difference[]
  /** How many letters a sign-up with an address of each class has brought; undefined where that cannot be seen. */
  letters: Record<AddressClass, number> | undefined
}

/** Whether there is such an endpoint: some processes serve a part of the service. */
export const isServed = ({ status, differences }: Comparison): boolean => status !== 404 || differences.length > 0

export type CompareNeeds = {
  client: Client
  reader: AnswerReader
  addresses: AddressMaker
  mailbox: MailboxReader | undefined
  /** Between 0 and 1, to ask the classes in another order each time. */
  random(): number
  onStep(): void
}

type Subjects = Record<AddressClass, Subject>

/**
 * Asks each endpoint about an address of each class and compares what it answers.
 *
 * @param rounds how often, with other addresses each time
 */
export async function compareAnswers(
  needs: CompareNeeds,
  endpoints: readonly Endpoint[],
  rounds: number,
): Promise<Map<Endpoint, Comparison>> {
  const comparisons = new Map<Endpoint, Comparison>()
  const letters = new LetterCounts(needs.mailbox)
  const sent = new SentLetters(needs.client)
  for (let round = 0; round < rounds; round++) {
    const chains = new Map<Endpoint['chain'], Subjects>()
    for (const endpoint of endpoints) {
      const subjects = chains.get(endpoint.chain) ?? (await subjectsOf(needs.addresses, endpoint.chain))
      chains.set(endpoint.chain, subjects)
      const known = comparisons.get(endpoint)
      if (known && !isWorthAsking(endpoint, known)) continue
      const comparison: Comparison = known ?? { status: 0, differences: [], letters: undefined }
      comparisons.set(endpoint, comparison)
      if (endpoint.isSignUp && !endpoint.times) await letters.before(endpoint, subjects)
      if (endpoint.isAfterLetter) await sent.wait(Object.values(subjects))
      note(comparison, await askAll(needs, endpoint, subjects))
      needs.onStep()
    }
  }
  await letters.after(comparisons)
  return comparisons
}

/** Whether another round may show more. Where emails differ, it would wait for some that are not sent. */
const isWorthAsking = ({ isAfterLetter }: Endpoint, known: Comparison): boolean =>
  isServed(known) && !(isAfterLetter && known.differences.length > 0)

async function subjectsOf(addresses: AddressMaker, chain: Endpoint['chain']): Promise<Subjects> {
  const index = chain === 'many sign-ins' ? 1 : 0 // it uses up what an address may try
  const [unknown, unconfirmed, confirmed] = await Promise.all(CLASSES.map(kind => addresses.makeOne(kind, index)))
  return { unknown: unknown!, unconfirmed: unconfirmed!, confirmed: confirmed! }
}

/** Every answer of each class, in the order of the requests. */
async function askAll(
  needs: CompareNeeds,
  endpoint: Endpoint,
  subjects: Subjects,
): Promise<Record<AddressClass, VisibleAnswer[]>> {
  const { client, reader } = needs
  const answers: Record<AddressClass, VisibleAnswer[]> = { unknown: [], unconfirmed: [], confirmed: [] }
  let latest: Answer | undefined
  for (let time = 0; time < (endpoint.times ?? 1); time++)
    for (const kind of shuffled(CLASSES, needs.random)) {
      if (answers[kind].at(-1)?.status === 429) continue // when it lets the next one pass is a matter of time
      const subject = subjects[kind]
      const answer = await client.ask(endpoint.ask(subject, time), endpoint.times ? isLimitOfAddress : undefined)
      endpoint.learn?.(subject, answer)
      answers[kind].push(reader.read(answer, subject.email))
      latest = answer
    }
  // Answers that all refuse for another reason are alike, and say nothing.
  const isExpected = CLASSES.some(kind => [endpoint.expected, 404].includes(answers[kind][0]!.status))
  if (!isExpected) throw unexpected(`${endpoint.request} to answer ${endpoint.expected} for some address`, latest!)
  return answers
}

function note(comparison: Comparison, answers: Record<AddressClass, VisibleAnswer[]>): void {
  comparison.status = answers.unknown[0]!.status
  for (const kind of ['unconfirmed', 'confirmed'] as const)
    for (const [index, expected] of answers.unknown.entries()) {
      const found = answers[kind][index] // a limit that ends one row before the other is itself a difference
      for (const difference of found ? differencesBetween(expected, found) : [])
        add(comparison, { class: kind, ...difference })
    }
}

function add({ differences }: Comparison, { class: kind, part, expected, found }: Difference): void {
  const isKnown = differences.some(
    other => other.class === kind && other.part === part && other.expected === expected && other.found === found,
  )
  if (!isKnown) differences.push({ class: kind, part, expected, found })
}

const LETTER_TAKES = 10_000 // milliseconds at the most; then the answers are compared as they are

/** Waits for the emails of sign-ups to be sent, for each once. */
class SentLetters {
  readonly #client: Client
  readonly #awaited = new Set<string>()

  constructor(client: Client) {
    this.#client = client
  }

  async wait(subjects: readonly Subject[]): Promise<void> {
    const tickets = subjects.flatMap(({ ticket = '', tickets = [ticket] }) => tickets)
    await Promise.all(tickets.filter(ticket => !this.#awaited.has(ticket)).map(ticket => this.#untilSent(ticket)))
  }

  async #untilSent(ticket: string): Promise<void> {
    this.#awaited.add(ticket)
    for (const deadline = Date.now() + LETTER_TAKES; Date.now() < deadline; await pause(50)) {
      const answer: Answer = await this.#client.ask(statusRequest({ ticket }))
      if (jsonOf(answer)?.state !== 'queued') return
    }
  }
}

/** Counts the letters that sign-ups bring, where they can be seen. They are waited for at the end, all together. */
class LetterCounts {
  readonly #mailbox: MailboxReader | undefined
  readonly #signUps: { endpoint: Endpoint; kind: AddressClass; email: string; before: number }[] = []

  constructor(mailbox: MailboxReader | undefined) {
    this.#mailbox = mailbox
  }

  /** An address that has an account has had its letter already, or gets it still. */
  async before(endpoint: Endpoint, subjects: Subjects): Promise<void> {
    for (const kind of this.#mailbox ? CLASSES : []) {
      const { email } = subjects[kind]
      const before = await this.#mailbox!.countLettersTo(email, kind === 'unknown' ? 0 : 1)
      this.#signUps.push({ endpoint, kind, email, before })
    }
  }

  async after(comparisons: ReadonlyMap<Endpoint, Comparison>): Promise<void> {
    const counted = await Promise.all(
      this.#signUps.map(async signUp => ({
        ...signUp,
        count: (await this.#mailbox!.countLettersTo(signUp.email, signUp.before + 1)) - signUp.before,
      })),
    )
    for (const { endpoint, kind, count } of counted) {
      const comparison = comparisons.get(endpoint)!
      comparison.letters ??= { unknown: 1, unconfirmed: 1, confirmed: 1 }
      if (count === 1) continue
      comparison.letters[kind] = count
      add(comparison, { class: kind, part: 'letters', expected: '1 letter', found: `${count} letters` })
    }
  }
}

/** In another order (Fisher and Yates). */
export function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  const order = [...items]
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    ;[order[last], order[other]] = [order[other]!, order[last]!]
  }
  return order
}
