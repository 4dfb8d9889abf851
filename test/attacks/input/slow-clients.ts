import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startHelper } from '../../measuring/helper-process.ts'
import type { Experiment, Plot } from '../../proof/experiment.ts'
import { createDatabase } from '../../support/postgres.ts'
import { emptyDirectory, ServiceProcess } from '../../support/process.ts'
import { exchange, newAddress, PASSWORD, SECRET_KEY, send, signIn } from '../../support/service.ts'
import { letterIn, tokenOf } from '../../support/sink-letters.ts'
import { openSmtpSink } from '../../support/smtp-sink.ts'
import type { HalfOpenAnswer, HalfOpenQuestion } from './half-open-connections.ts'

/** How long each part takes, in seconds; the short form meets timeouts that are as much shorter. */
const FULL = { before: 15, flood: 60, after: 15, closedWithin: 60 }
const SHORT = { before: 1, flood: 3, after: 1, closedWithin: 8 }
const SHORTER_TIMEOUTS = [
  {
    file: 'http/server.ts',
    find: 'requestTimeout: 15_000',
    replace: 'requestTimeout: 1_500',
  },
  {
    file: 'http/server.ts',
    find: 'headersTimeout: 10_000',
    replace: 'headersTimeout: 1_000',
  },
  {
    file: 'http/server.ts',
    find: 'connectionsCheckingInterval: 250',
    replace: 'connectionsCheckingInterval: 50',
  },
]
const SMALLEST_FULL = 1_000 // connections

export const slowClients: Experiment = {
  id: 'F11',
  title: 'Clients that never finish a request',
  claim: 'Thousands of half-open connections are closed in time, and others are served as if they were not there.',
  command: 'prove',
  proves: ['R77'],
  trials: { short: 100, full: 5_000 },
  async run({ trials, postgresUrl, progress }) {
    const isFull = trials >= SMALLEST_FULL
    const parts = isFull ? FULL : SHORT
    await using database = await createDatabase(postgresUrl)
    await using folder = await emptyDirectory()
    await using sink = await openSmtpSink()
    const settings = {
      AUTH_DATA_DIR: folder.path,
      AUTH_DATABASE_URL: database.url,
      AUTH_SECRET_KEY: SECRET_KEY,
      AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}`,
      AUTH_RATE_LIMITS: 'off',
      AUTH_LOG_LEVEL: 'warn',
    }
    await using service = new ServiceProcess(settings, [], isFull ? [] : SHORTER_TIMEOUTS)
    const url = await service.started()
    const others = new OtherRequests(url, await firstToken(url, sink))
    const memory = new ResidentSize(service.child.pid!)
    const port = Number(new URL(url).port)
    await using flood = startHelper<HalfOpenQuestion, HalfOpenAnswer>(
      join(import.meta.dirname, 'half-open-connections.ts'),
    )
    try {
      const began = performance.now()
      const since = () => (performance.now() - began) / 1_000
      const serving = others.serve(since)
      await pause(parts.before * 1_000)
      const floodBegan = since()
      memory.look(floodBegan)
      while (since() < floodBegan + parts.flood) {
        progress((await flood.ask({ want: 'as many', port, count: trials })).opened)
        memory.look(since())
        await pause(200)
      }
      const { open, opened, longestLifetime } = await flood.ask({
        want: 'all closed',
        patience: parts.closedWithin * 1_000,
      })
      const floodEnded = since()
      memory.look(since())
      await pause(parts.after * 1_000)
      others.stop()
      await serving
      const before = quantile(0.99, others.latencies, 0, floodBegan)
      const during = quantile(0.99, others.latencies, floodBegan, floodEnded)
      return {
        trials: opened,
        unit: 'half-open connections',
        counted: [
          { what: 'half-open connections that were not closed', count: open, of: opened },
          { what: 'requests of others that failed', count: others.failures, of: others.latencies.length },
          { what: 'ends of the process', count: service.child.exitCode === null ? 0 : 1, of: 1 },
        ],
        measured: [
          { what: 'refresh p99 before', value: before, unit: 'ms' },
          { what: 'refresh p99 during the flood', value: during, unit: 'ms' },
          {
            what: 'refresh p99 during the flood, against before',
            value: during / before,
            unit: '',
            promised: { below: 2 },
          },
          {
            what: 'refresh p99 after',
            value: quantile(0.99, others.latencies, floodEnded, Number.POSITIVE_INFINITY),
            unit: 'ms',
          },
          {
            what: 'longest that a half-open connection was held',
            value: longestLifetime,
            unit: 'ms',
            ...(isFull && { promised: { below: 20_000 } }),
          },
          {
            what: 'largest resident size of the process',
            value: memory.largest,
            unit: 'MiB',
            promised: { below: 256 },
          },
        ],
        plots: plotsOf(others, memory, { from: floodBegan, to: floodEnded, label: `${trials} half-open connections` }),
        remarks: [
          'A third of the connections says nothing, a third sends headers a byte at a time, a third a body.',
          'What the service closes is opened anew until the flood ends. A process of its own does so: what that costs is no delay of the service.',
        ],
      }
    } finally {
      others.stop()
    }
  },
}

async function firstToken(url: string, sink: Awaited<ReturnType<typeof openSmtpSink>>): Promise<string> {
  const email = newAddress()
  const { body } = await send(`${url}/v1/accounts`, { json: { email, password: PASSWORD } })
  const { ticket } = body.confirmation
  await send(`${url}/v1/confirmations`, { json: { token: tokenOf(await letterIn(sink, email)), ticket } })
  return signIn({ url }, { id: body.id, email, ticket, password: PASSWORD })
}

/** A person who refreshes again and again, one request after the other. */
class OtherRequests {
  readonly latencies: [at: number, milliseconds: number][] = []
  failures = 0
  readonly #url: string
  #token: string
  #isOver = false

  constructor(url: string, token: string) {
    this.#url = url
    this.#token = token
  }

  async serve(since: () => number): Promise<void> {
    while (!this.#isOver) {
      const at = since()
      const began = performance.now()
      const { status, body } = await exchange({ url: this.#url }, this.#token).catch(() => ({
        status: 0,
        body: undefined,
      }))
      this.latencies.push([at, performance.now() - began])
      if (status === 200) this.#token = body.refresh_token
      else this.failures += 1
      await pause(2)
    }
  }

  stop(): void {
    this.#isOver = true
  }
}

class ResidentSize {
  readonly points: [at: number, mebibytes: number][] = []
  readonly #pid: number

  constructor(pid: number) {
    this.#pid = pid
  }

  look(at: number): void {
    const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.#pid}/status`, 'utf8')) ?? []
    this.points.push([at, Number(kilobytes) / 1_024])
  }

  get largest(): number {
    return Math.max(...this.points.map(([, mebibytes]) => mebibytes))
  }
}

function quantile(share: number, latencies: [number, number][], from: number, to: number): number {
  const sorted = latencies.filter(([at]) => at >= from && at < to).map(([, milliseconds]) => milliseconds)
  sorted.sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length * share)] ?? Number.NaN
}

type Span = { from: number; to: number; label: string }

function plotsOf({ latencies }: OtherRequests, { points }: ResidentSize, span: Span): Plot[] {
  const time = { label: 'seconds' }
  const seconds = [...new Set(latencies.map(([at]) => Math.floor(at)))]
  const line = (label: string, of: (from: number) => number) => ({
    label,
    points: seconds.map(second => [second, of(second)] as const),
  })
  return [
    {
      name: 'latency',
      title: 'Refreshes of others while thousands of connections never finish a request',
      x: time,
      y: { label: 'milliseconds', isLogarithmic: true },
      lines: [
        line('p99 of each second', from => quantile(0.99, latencies, from, from + 1)),
        line('median of each second', from => quantile(0.5, latencies, from, from + 1)),
      ],
      spans: [span],
    },
    {
      name: 'memory',
      title: 'Resident size of the process',
      x: time,
      y: { label: 'MiB' },
      lines: [{ label: 'resident size', points }],
      spans: [span],
    },
  ]
}
