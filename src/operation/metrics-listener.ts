import { createServer } from 'node:http'
import type { Registry } from 'prom-client'
import { OperatorError } from '../operator-error.ts'

/** Serves the metrics on a port of their own. @throws OperatorError when it is taken */
export async function listenForMetrics(
  registry: Registry,
  { host, port }: { host: string; port: number },
): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    if (request.url !== '/metrics' || request.method !== 'GET') return void response.writeHead(404).end()
    registry.metrics().then(
      text => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      () => response.writeHead(500).end(),
    )
  })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', error => reject(unlistenable('AUTH_METRICS_LISTEN', `${host}:${port}`, error)))
  server.listen({ host, port }, resolve)
  await promise
  const address = server.address()
  const boundPort = typeof address === 'object' && address ? address.port : port
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${boundPort}/metrics`,
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/** What to tell the operator when an address cannot be listened on. */
export function unlistenable(setting: string, address: string, error: unknown): OperatorError {
  const { code, message } = error as NodeJS.ErrnoException
  const found =
    code === 'EADDRINUSE' ? 'another process listens there already' : code === 'EACCES' ? 'no permission' : message
  return new OperatorError(
    {
      needed: `to listen on ${address}`,
      found,
      remedy: `stop the other process, or set ${setting} to a free one`,
    },
    { cause: error },
  )
}
