import { OperatorError } from '../operator-error.ts'
import { isLoopback } from '../settings.ts'
import { AddressMaker, checkOwnAccounts, MailboxReader, type OwnAccount } from './addresses.ts'
import { type Answer, Client } from './client.ts'
import { type Comparison, compareAnswers, isServed } from './compare-answers.ts'
import { CLASSES, type Endpoint, endpointsOf } from './endpoints.ts'
import { type Latencies, measureLatency, USES_OF_AN_ADDRESS } from './measure-latency.ts'
import { type Separation, separation } from './statistics.ts'
import { AnswerReader } from './visible-answer.ts'

export type AuditOptions = {
  /** Where the service is. */
  origin: string
  /** Whose addresses are made up; example.com where letters go to the service's own mailbox. */
  domain: string | undefined
  /** Confirmed accounts for a service whose letters cannot be read. */
  ownAccounts: readonly OwnAccount[]
  /** Of each class at each endpoint; 0 measures no latency. */
  samples: number
  /** In lower case. */
  ignoredHeaders: readonly string[]
}

export type Watcher = {
  /** Is told how much of all that is to be asked is done. */
  progress(done: number, total: number): void
  /** Is told of each answer that says to come back later. */
  wait(answer: Answer, seconds: number): void
}

export type EndpointFindings = Pick<Endpoint, 'name' | 'request'> &
  Comparison & {
    latency: { latencies: Latencies; pairs: LatencyPair[] } | undefined
  }

/** An unknown address and one of another class. */
export type LatencyPair = Separation & { class: 'unconfirmed' | 'confirmed'; isToldApart: boolean }

export type Findings = { endpoints: EndpointFindings[]; isToldApart: boolean }

/** Within it, one answer's time says too little about the address. */
export const ALIKE = { from: 0.45, to: 0.55 }
/** Standard deviations, 0.1 % of all pairs that are alike: with fewer samples chance leads out of the band, too. */
const BEYOND_CHANCE = 3.29

const ROUNDS = 3 // of comparing answers

/**
 * Asks a running service from outside, as a stranger would, whether answers tell who has an account.
 * @throws OperatorError when it cannot be asked as it has to be
 */
export async function audit(options: AuditOptions, watcher: Watcher, random = Math.random): Promise<Findings> {
  using client = new Client(options.origin, watcher.wait)
  const mailbox = await MailboxReader.of(client)
  const domain = checkReachOfLetters(options, mailbox)
  await checkOwnAccounts(client, options.ownAccounts)
  const reader = new AnswerReader(options.ignoredHeaders)
  const addresses = new AddressMaker({
    client,
    domain,
    mailbox,
    ownAccounts: options.ownAccounts,
    onSignUp: (answer, email) => void reader.read(answer, email), // its ids are known from now on
  })
  const { endpoints, rounds, timed, pool } = scopeOf(options)
  const total = endpoints.length * rounds + (pool + timed.length * options.samples) * CLASSES.length
  let done = 0
  const onStep = () => watcher.progress(++done, total)

  const comparisons = await compareAnswers({ client, reader, addresses, mailbox, random, onStep }, endpoints, rounds)
  const present = timed.filter(endpoint => isServed(comparisons.get(endpoint)!))
  const subjects = await addresses.make(pool, onStep)
  const latencies = await measureLatency({ client, domain, subjects, random, onStep }, present, options.samples)
  watcher.progress(total, total)
  const findings = endpoints.map(endpoint => findingsOf(endpoint, comparisons.get(endpoint)!, latencies.get(endpoint)))
  return { endpoints: findings, isToldApart: findings.some(isFinding) }
}

/** How many accounts and letters an audit makes. */
export function planOf(options: AuditOptions): { accounts: number; letters: number } {
  const { endpoints, rounds, timed, pool } = scopeOf(options)
  const madeClasses = options.ownAccounts.length > 0 ? 1 : 2
  const chains = new Set(endpoints.map(({ chain }) => chain)).size
  const timesOf = (which: (endpoint: Endpoint) => boolean, among: readonly Endpoint[]) =>
    among.filter(which).reduce((sum, { times = 1 }) => sum + times, 0)
  const asked = (which: (endpoint: Endpoint) => boolean, classes: number) =>
    classes * (rounds * timesOf(which, endpoints) + options.samples * timesOf(which, timed))
  const accounts = madeClasses * (rounds * chains + pool) + asked(({ isSignUp }) => isSignUp === true, CLASSES.length)
  return { accounts, letters: accounts + asked(({ expected }) => expected === 202, 2) }
}

export const isFinding = ({ differences, latency }: EndpointFindings): boolean =>
  differences.length > 0 || (latency?.pairs.some(({ isToldApart }) => isToldApart) ?? false)

// One account of the operator is asked about at each endpoint; the row that uses one up needs another.
function scopeOf({ origin, ownAccounts, samples }: AuditOptions) {
  const all = endpointsOf(origin)
  const endpoints = ownAccounts.length === 1 ? all.filter(({ chain }) => chain !== 'many sign-ins') : all
  return {
    endpoints,
    rounds: ownAccounts.length > 0 ? 1 : ROUNDS,
    timed: samples > 0 ? endpoints.filter(({ isTimed }) => isTimed) : [],
    pool: Math.ceil(samples / USES_OF_AN_ADDRESS),
  }
}

function findingsOf(endpoint: Endpoint, comparison: Comparison, latencies: Latencies | undefined): EndpointFindings {
  const pairs = (['unconfirmed', 'confirmed'] as const).map(kind => {
    const found = latencies && separation(latencies.unknown, latencies[kind])
    return found && { class: kind, ...found, isToldApart: isBeyond(found) }
  })
  const latency = latencies && { latencies, pairs: pairs.filter(pair => pair !== undefined) }
  return { name: endpoint.name, request: endpoint.request, ...comparison, latency }
}

/** How far off 0.5 an area has to be to stand out from chance, without ties. */
export const leastVisible = (samples: number): number =>
  Math.min(0.5, BEYOND_CHANCE * Math.sqrt((2 * samples + 1) / (12 * samples ** 2)))

function isBeyond({ auc, z }: Separation): boolean {
  return (auc < ALIKE.from || auc > ALIKE.to) && Math.abs(z) > BEYOND_CHANCE
}

function checkReachOfLetters(options: AuditOptions, mailbox: MailboxReader | undefined): string {
  const { origin, domain, ownAccounts, samples } = options
  if (mailbox && ownAccounts.length === 0) return domain ?? 'example.com'
  if (mailbox)
    throw new OperatorError({
      needed: 'no --confirmed, since this service shows its letters in a mailbox, and so confirms addresses of our own',
      found: `--confirmed, and a mailbox at ${origin}/mailbox`,
      remedy: 'leave --confirmed out',
    })
  const isLocal = isLoopback(new URL(origin).hostname)
  const where = `a service without a mailbox at ${origin}/mailbox, so letters go to a mail server`
  if (!domain)
    throw new OperatorError({
      needed: '--domain, one of yours that takes letters to any address: letters that bounce harm your reputation',
      found: `none, and ${where}`,
      remedy: `give it${isLocal ? '' : ', or ask a test instance on its own machine, whose mailbox needs no domain'}`,
    })
  if (ownAccounts.length * USES_OF_AN_ADDRESS < Math.max(1, samples))
    throw new OperatorError({
      needed: `${Math.max(1, Math.ceil(samples / USES_OF_AN_ADDRESS))} confirmed accounts of yours for ${samples} samples`,
      found: `${ownAccounts.length} --confirmed, and ${where}`,
      remedy:
        'compare the answers alone with --confirmed <address> --no-latency, and measure the latency on a test ' +
        'instance of the same version that has a mailbox',
    })
  return domain
}
