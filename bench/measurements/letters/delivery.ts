import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type HelperProcess, startHelper } from '../../../test/measuring/helper-process.ts'
import { seedSessions } from '../../../test/measuring/seeded-sessions.ts'
import type { Credential } from '../../adapters/adapter.ts'
import type { Arrival, SinkAnswer, SinkQuestion } from '../../letters/sink.ts'
import { sendLoad } from '../../load/send-load.ts'
import { seedSignUps } from '../../subjects/auth-service/seeded-sign-ups.ts'
import { startService } from '../../subjects/auth-service/service-process.ts'
import { newStorage, type Storage, type StorageKind, type StoragePlace } from '../../subjects/auth-service/storage.ts'

const LONGEST_SILENCE = 30_000 // milliseconds

type Sink = HelperProcess<SinkQuestion, SinkAnswer>

export type Delivery = {
  storage: StorageKind
  /** Milliseconds that the mail server waits before it accepts an email. */
  delay: number
}

export type DeliveryLoad = {
  /** Emails that wait. */
  count: number
  /** Connections to the mail server at the most. */
  connections: number
  /** Clients that refresh. */
  clients: number
  /** Seconds of refreshes before they are counted, and in which they are. */
  warmUp: number
  duration: number
}

/** A second. */
export type Delivered = {
  emails: number
  /** On PostgreSQL alone, where sessions can be written beside the service. */
  meanwhile?: { emails: number; refreshes: number; idleRefreshes: number }
}

/**
 * Sends emails that wait, at first alone and then, on PostgreSQL, beside refreshes.
 *
 * @param place the PostgreSQL server
 * @throws when an email is lost or arrives twice
 */
export async function measureDelivery(
  { storage: kind, delay }: Delivery,
  load: DeliveryLoad,
  place: StoragePlace,
): Promise<Delivered> {
  const { count, clients } = load
  await using storage = await newStorage(kind, place)
  await seedSignUps(storage.environment, count)
  const databaseUrl = storage.environment.AUTH_DATABASE_URL
  const credentials = databaseUrl === undefined ? [] : await seedSessions({ databaseUrl }, clients)
  await using sink: Sink = startHelper(join(import.meta.dirname, '../../letters/sink.ts'))
  await sink.ask({ want: 'to take', delay })
  const alone = await measureAlone(storage, sink, load, credentials)
  const found: Delivered = { emails: alone.emails }
  if (alone.refreshes !== undefined) {
    await seedSignUps(storage.environment, count)
    const beside = await measureBesideRefreshes(storage, sink, load, alone.credentials)
    found.meanwhile = { ...beside, idleRefreshes: alone.refreshes }
  }
  return found
}

type Alone = { emails: number; refreshes?: number; credentials: readonly Credential[] }

/** Sends all emails that wait, and then has clients refresh with nothing else to do. */
async function measureAlone(
  storage: Storage,
  sink: Sink,
  load: DeliveryLoad,
  credentials: readonly Credential[],
): Promise<Alone> {
  const { count } = load
  await using service = await startSending(storage, sink, load)
  await untilArrived(sink, count)
  const { arrivals } = await sink.ask({ want: 'arrivals' })
  const different = new Set(arrivals.map(({ messageId }) => messageId)).size
  if (arrivals.length !== count || different !== count)
    throw new Error(`${count} emails waited, ${arrivals.length} arrived, ${different} of them different`)
  const emails = rateOf(arrivals)
  if (credentials.length === 0) return { emails, credentials }
  return { emails, ...(await refreshFor(service.url, load, credentials)) }
}

/** Has clients refresh while emails wait; those that arrive in that time are counted. */
async function measureBesideRefreshes(
  storage: Storage,
  sink: Sink,
  load: DeliveryLoad,
  credentials: readonly Credential[],
): Promise<{ emails: number; refreshes: number }> {
  await sink.ask({ want: 'to forget' })
  await using service = await startSending(storage, sink, load)
  await untilArrived(sink, 1)
  const { refreshes } = await refreshFor(service.url, load, credentials)
  const { arrivals } = await sink.ask({ want: 'arrivals' })
  return { emails: rateOf(arrivals), refreshes }
}

async function startSending({ environment }: Storage, sink: Sink, { connections }: DeliveryLoad) {
  const { port } = await sink.ask({ want: 'state' })
  return startService({
    ...environment,
    AUTH_SMTP_URL: `smtp://127.0.0.1:${port}`,
    AUTH_SMTP_CONNECTIONS: String(connections),
    AUTH_RATE_LIMITS: 'off',
    AUTH_LOG_LEVEL: 'error',
  })
}

async function refreshFor(
  url: string,
  { clients, warmUp, duration }: DeliveryLoad,
  credentials: readonly Credential[],
): Promise<{ refreshes: number; credentials: readonly Credential[] }> {
  const { kinds, credentials: successors } = await sendLoad({
    adapter: { name: 'auth-service' },
    url,
    work: { kind: 'refresh' },
    connections: clients,
    credentials,
    people: [],
    warmUp,
    duration,
  })
  return { refreshes: kinds.refresh!.rate, credentials: successors }
}

/** @throws when the emails stop coming before that many have arrived */
async function untilArrived(sink: Sink, wanted: number): Promise<void> {
  let before = 0
  let lastChange = performance.now()
  for (;;) {
    const { count } = await sink.ask({ want: 'state' })
    if (count >= wanted) return
    if (count > before) lastChange = performance.now()
    before = count
    if (performance.now() > lastChange + LONGEST_SILENCE)
      throw new Error(`${count} of ${wanted} emails have arrived, and no more for ${LONGEST_SILENCE / 1_000} s`)
    await pause(50)
  }
}

/** Emails a second, by the times between the first and the last. */
function rateOf(arrivals: readonly Arrival[]): number {
  return (arrivals.length - 1) / ((arrivals.at(-1)!.at - arrivals[0]!.at) / 1_000)
}
