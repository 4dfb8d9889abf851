import { Type } from 'typebox'
import type { HttpServer } from '../http/server.ts'
import type { Readiness } from './readiness.ts'

const State = Type.Enum(['ok', 'failed'])
const ReadyAnswer = Type.Object(
  {
    status: State,
    database: State,
    queue: State,
    keys: Type.Enum(['ok', 'failed'], {
      description: 'failed: a secret key is missing that another process makes with, or nothing can be signed',
    }),
  },
  { description: 'How each part is. The port of the metrics tells more at the same path' },
)

/**
 * `/livez`: the process answers. `/readyz`: it can do its work.
 *
 * `/readyz` is on the public port, since load balancers need its status, and tells no more than what makes up that status.
 * Who asks cannot be known: a reverse proxy on this machine may send a stranger's request as its own.
 */
export function healthRoutes(server: HttpServer, readiness: Readiness): void {
  server.get(
    '/livez',
    {
      schema: {
        operationId: 'live',
        summary: 'Whether the process answers',
        tags: ['Operation'],
        response: { 200: Type.Object({ status: Type.Literal('ok') }, { description: 'It answers' }) },
      },
    },
    async () => ({ status: 'ok' as const }),
  )

  server.get(
    '/readyz',
    {
      schema: {
        operationId: 'ready',
        summary: 'Whether the service can do its work',
        tags: ['Operation'],
        response: { 200: ReadyAnswer, 503: ReadyAnswer },
      },
    },
    async (_request, reply) => {
      const status = await readiness.status()
      return reply.code(status.status === 'ok' ? 200 : 503).send(status)
    },
  )
}
