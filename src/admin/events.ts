import { listAccounts } from '../accounts/account-list-store.ts'
import { findConfirmedAccount } from '../accounts/account-store.ts'
import {
  accountsOfEmail,
  countEvents,
  type EventFilter,
  type EventGroup,
  hasEvent,
  type ListedEvent,
  listEvents,
} from '../audit/event-list-store.ts'
import { EVENT_TYPES, type EventType } from '../audit/event-types.ts'
import { parseChoice } from '../settings.ts'
import { beginningOf, checked, emailOf, eventIdOf, idOf, limitOf, recordedNetworkOf } from './arguments.ts'
import { AdminError } from './errors.ts'
import { type AdminDeps, operation } from './operation.ts'

const FILTER = {
  account: 'string?',
  type: 'string?',
  network: 'string?',
  operators: 'boolean',
  since: 'string?',
  limit: 'integer',
} as const
const GROUPS: readonly EventGroup[] = ['email', 'network', 'type']
const MOST_ACCOUNTS = 1_000 // of one email address

const toJson = ({ accountId, sessionId, ...event }: ListedEvent) => ({
  id: String(event.id),
  at: event.at.toISOString(),
  type: event.type,
  outcome: event.outcome,
  account_id: accountId,
  email: event.email,
  session_id: sessionId,
  network: event.network,
  factor: event.factor,
  reason: event.reason,
  operator: event.operator,
  count: event.count,
})
export type EventFacts = ReturnType<typeof toJson>

/**
 * One page of audit events, the latest first. The next one begins after the last id of this one.
 *
 * Reading them is not an event itself: whoever can run a command can also open the database, so a list of readers would be incomplete.
 */
export const eventsList = operation(
  { ...FILTER, after: 'string?' },
  async ({ database }, { after, limit, ...args }) => {
    const filter = await filterOf(database, args)
    await refuseUnknownEvent(database, after)
    const events = await listEvents(database, filter, { after, limit: limitOf(limit) + 1 })
    return { events: events.slice(0, limit).map(toJson), more: events.length > limit }
  },
)

/**
 * How many audit events there are of each email address, network or type, the most first. Where there are too many, the
 * earlier ones are left out, and `earlier` has the event after which to continue.
 */
export const eventsCount = operation(
  { ...FILTER, by: 'string', after: 'string?' },
  async ({ database }, { by, after, limit, ...args }) => {
    const group = checked(by, text => parseChoice(text, GROUPS))
    const filter = await filterOf(database, args)
    await refuseUnknownEvent(database, after)
    const { counts, countedBackTo } = await countEvents(database, filter, { by: group, after, limit: limitOf(limit) })
    return {
      counts: counts.map(({ value, events, failures, emails, networks, lastAt }) => ({
        [group]: value,
        events,
        failures,
        ...(group !== 'email' && { emails }),
        ...(group !== 'network' && { networks }),
        last_at: lastAt.toISOString(),
      })),
      earlier: countedBackTo && { counted_back_to: countedBackTo.at.toISOString(), after: countedBackTo.id },
    }
  },
)

async function refuseUnknownEvent(database: AdminDeps['database'], after: string | undefined): Promise<void> {
  if (after === undefined || (await hasEvent(database, eventIdOf(after)))) return
  throw new AdminError('invalid_argument', {
    needed: 'the id of an event to continue after',
    found: `${after}, which no event has`,
    remedy: 'start again without it; events are deleted after AUTH_AUDIT_RETENTION',
  })
}

type FilterArguments = {
  account?: string | undefined
  type?: string | undefined
  network?: string | undefined
  operators: boolean
  since?: string | undefined
}

async function filterOf(
  database: AdminDeps['database'],
  { account, type, network, operators, since }: FilterArguments,
): Promise<EventFilter> {
  return {
    account: account === undefined ? undefined : await accountOf(database, account),
    types: type === undefined ? undefined : typesOf(type),
    network: network === undefined ? undefined : recordedNetworkOf(network),
    isByOperator: operators,
    since: since === undefined ? undefined : beginningOf(since),
  }
}

// It need not exist: events outlive it, and addresses without an account are guessed at, too.
async function accountOf(database: AdminDeps['database'], name: string): Promise<EventFilter['account']> {
  if (!name.includes('@')) return { id: idOf(name) }
  const email = emailOf(name)
  const accounts = await listAccounts(database, { email }, MOST_ACCOUNTS)
  const confirmed = await findConfirmedAccount(database, email) // which any number of newer sign-ups could hide
  const ids = [...accounts, ...(confirmed ? [confirmed] : [])].map(({ id }) => id)
  return { email, accountIds: [...new Set([...ids, ...(await accountsOfEmail(database, email))])] }
}

function typesOf(text: string): EventType[] {
  const known = Object.keys(EVENT_TYPES) as EventType[]
  return checked(text, () => text.split(',').map(type => parseChoice(type.trim(), known)))
}
