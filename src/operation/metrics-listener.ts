import { createServer, type Server } from 'node:http'
import { isIP } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Registry } from 'prom-client'
import { type Logger, onceAMinute } from '../log.ts'
import { unlistenable } from '../operator-error.ts'
import { isLoopback } from '../settings.ts'
import type { Readiness } from './readiness.ts'

type Page = { status: number; type: string; text: string }

const TRY_AGAIN_AFTER = 10_000 // milliseconds

export type MetricsListenerOptions = {
  host: string
  port: number
  /** Names that it answers to, besides IP addresses, those of loopback and `host`. */
  names: readonly string[]
  readiness: Pick<Readiness, 'report'>
  logger: Pick<Logger, 'info' | 'warn'>
}

/**
 * Serves the metrics on a port of their own, and at `/readyz` all that is known of how the parts of the service are. Where another process has the port, as the one before has it during a
 * rolling restart, it says so and tries again until it gets it: nobody signs in by metrics.
 *
 * It answers to known hosts only: a page that a browser on this network has open could otherwise read the metrics by a
 * name of its own that it points here (DNS rebinding). An IP address cannot be pointed anywhere.
 * @returns `url` once it listens
 * @throws OperatorError when it cannot listen for another reason
 */
export async function listenForMetrics(
  registry: Registry,
  { host, port, names, readiness, logger }: MetricsListenerOptions,
): Promise<AsyncDisposable & { readonly url: string | undefined }> {
  const known = new Set([host, ...names].map(name => name.toLowerCase()))
  const warnOfHost = onceAMinute((name: string) =>
    logger.warn(
      { host: name },
      'metrics were asked for by an unknown host and refused; AUTH_METRICS_HOSTS names further ones',
    ),
  )
  const pages: Record<string, () => Promise<Page>> = {
    '/metrics': async () => ({ status: 200, type: registry.contentType, text: await registry.metrics() }),
    '/readyz': async () => {
      const report = await readiness.report()
      return { status: report.status === 'ok' ? 200 : 503, type: 'application/json', text: JSON.stringify(report) }
    },
  }
  const server = createServer((request, response) => {
    const page = request.method === 'GET' && Object.hasOwn(pages, request.url!) ? pages[request.url!] : undefined
    const name = URL.parse(`http://${request.headers.host ?? ''}`)?.hostname.replace(/^\[|\]$/g, '') ?? ''
    if (isIP(name) === 0 && !isLoopback(name) && !known.has(name)) {
      warnOfHost(name)
      response.writeHead(421, { 'content-type': 'text/plain' }).end('This host is not one of AUTH_METRICS_HOSTS.\n')
    } else if (!page) response.writeHead(404).end()
    else
      page().then(
        ({ status, type, text }) => response.writeHead(status, { 'content-type': type }).end(text),
        () => response.writeHead(500).end(),
      )
  })

  const address = `${host}:${port}`
  const isListening = () =>
    listen(server, { host, port }).catch(error => {
      if (error.code === 'EADDRINUSE') return false
      throw unlistenable('AUTH_METRICS_LISTEN', address, error)
    })
  const stopping = new AbortController()
  const { signal } = stopping
  const listenWhenFree = async () => {
    do await pause(TRY_AGAIN_AFTER, undefined, { ref: false, signal })
    while (!(await isListening()))
    if (signal.aborted) server.close()
    else logger.info({ address }, 'the port of the metrics became free, and they are there now')
  }
  if (!(await isListening())) {
    logger.warn({ address }, 'there are no metrics yet, as another process has their port; AUTH_METRICS_LISTEN sets it')
    listenWhenFree().catch(error => {
      if (!signal.aborted) logger.warn({ err: error }, 'there will be no metrics')
    })
  }
  return {
    get url() {
      const bound = server.address()
      if (typeof bound !== 'object' || !bound) return undefined
      return `http://${host.includes(':') ? `[${host}]` : host}:${bound.port}/metrics`
    },
    async [Symbol.asyncDispose]() {
      stopping.abort()
      server.closeAllConnections()
      if (server.listening) await new Promise(resolve => server.close(resolve))
    },
  }
}

async function listen(server: Server, options: { host: string; port: number }): Promise<true> {
  const { promise, resolve, reject } = Promise.withResolvers<true>()
  const onListening = () => resolve(true)
  server.once('error', reject).once('listening', onListening).listen(options)
  try {
    return await promise
  } finally {
    server.off('error', reject).off('listening', onListening)
  }
}
