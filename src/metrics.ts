import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { MissedDeadlines } from './missed-deadlines.ts'

export type { Counter, Gauge }

/** What waits in the database. */
export type Backlog = {
  parkedMessages: number
  oldestWaitingMessage: number
  longestDueMessage: number
  heldEmails: number
}

const BACKLOG_GAUGES = [
  ['parkedMessages', 'auth_queue_parked_messages', 'Messages of an unknown shape, which wait for an operator'],
  [
    'oldestWaitingMessage',
    'auth_queue_oldest_waiting_seconds',
    'Age of the oldest message that waits to be delivered, or to come again',
  ],
  [
    'longestDueMessage',
    'auth_queue_longest_due_seconds',
    'How long the message has been due that is late most; one that waits to come again is not due',
  ],
  ['heldEmails', 'auth_emails_held', 'Emails that the limits of their addresses hold'],
] as const satisfies [keyof Backlog, string, string][]

/** What the service counts, for Prometheus. Names and labels are part of the interface. */
export type Metrics = ReturnType<typeof createMetrics>

/** Metrics of one service in one process; nothing is shared between two of them. */
export function createMetrics(missedDeadlines: MissedDeadlines, droppedLines: () => number) {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  new Counter({
    name: 'auth_missed_deadlines_total',
    help: 'Waits that this process gave up because they took too long, by what was waited for',
    labelNames: ['what'],
    registers,
    collect() {
      this.reset()
      for (const [what, count] of missedDeadlines.all()) this.inc({ what }, count)
    },
  })
  new Counter({
    name: 'auth_log_lines_dropped_total',
    help: 'Lines of the log that were dropped, as it could not be written',
    registers,
    collect() {
      this.reset()
      this.inc(droppedLines())
    },
  })
  return {
    registry,
    onMissedDeadline: missedDeadlines.count,
    requests: new Histogram({
      name: 'auth_http_request_seconds',
      help: 'Requests by route and status',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
      registers,
    }),
    refreshExchanges: new Counter({
      name: 'auth_refresh_exchanges_total',
      help: 'Refresh tokens presented, by what they turned out to be',
      labelNames: ['outcome'],
      registers,
    }),
    letters: new Counter({
      name: 'auth_letters_total',
      help: 'Attempts to deliver a letter, by outcome: sent, retried, undeliverable, given_up; held or dropped by the limits',
      labelNames: ['outcome'],
      registers,
    }),
    limited: new Counter({
      name: 'auth_limited_total',
      help: 'Attempts that were refused with 429, by the limit that was reached',
      labelNames: ['limit'],
      registers,
    }),
    closedConnections: new Counter({
      name: 'auth_connections_closed_total',
      help: 'Connections closed by the service before their time: all_places_taken, network_places_taken, stopped_reading, pipelined',
      labelNames: ['reason'],
      registers,
    }),
    mailDegraded: new Gauge({ name: 'auth_mail_degraded', help: '1 while the mail server is in trouble', registers }),
    /**
     * Lets gauges follow what waits in the database; it is the same in every process. What cannot be read is left out.
     * @param read undefined when it cannot be read in time
     */
    watchBacklog(read: () => Promise<Backlog | undefined>) {
      for (const [member, name, help] of BACKLOG_GAUGES)
        new Gauge({
          name,
          help,
          registers,
          async collect() {
            const backlog = await read()
            if (backlog) this.set(backlog[member])
            else this.remove()
          },
        })
    },
    /** Lets a gauge follow what password hashing is doing. */
    watchHashing(lanes: { readonly waiting: number; readonly running: number; readonly refused: number }) {
      new Gauge({
        name: 'auth_password_hashes',
        help: 'Password hashes that wait, that run, and that were refused since the start',
        labelNames: ['state'],
        registers,
        collect() {
          for (const state of ['waiting', 'running', 'refused'] as const) this.set({ state }, lanes[state])
        },
      })
    },
  }
}
