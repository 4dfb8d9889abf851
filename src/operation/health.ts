import { Type } from 'typebox'
import type { HttpServer } from '../http/server.ts'

export type HealthNeeds = {
  /** Each throws when the part cannot be reached. */
  checks: Record<'database' | 'queue', () => Promise<void>>
  /** The mail server as the sender of letters sees it; undefined in a process that sends none. */
  mail: (() => 'ok' | 'degraded' | 'unknown') | undefined
}

const State = Type.Enum(['ok', 'failed'])
const ReadyAnswer = Type.Object(
  {
    status: State,
    database: State,
    queue: State,
    mail: Type.Optional(
      Type.Enum(['ok', 'degraded', 'unknown'], {
        description: 'degraded: letters wait, while everything else goes on',
      }),
    ),
  },
  { description: 'How each part is' },
)

/** `/livez`: the process answers. `/readyz`: it can do its work. */
export function healthRoutes(server: HttpServer, { checks, mail }: HealthNeeds): void {
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
      const [database, queue] = await Promise.all([stateOf(checks.database), stateOf(checks.queue)])
      const status: 'ok' | 'failed' = database === 'ok' && queue === 'ok' ? 'ok' : 'failed'
      return reply.code(status === 'ok' ? 200 : 503).send({ status, database, queue, ...(mail && { mail: mail() }) })
    },
  )
}

const LONGEST_CHECK = 3_000 // milliseconds; a probe that hangs is no answer either

async function stateOf(check: () => Promise<void>): Promise<'ok' | 'failed'> {
  const { promise: tooLong, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error('no answer')), LONGEST_CHECK)
  try {
    await Promise.race([check(), tooLong])
    return 'ok'
  } catch {
    return 'failed'
  } finally {
    clearTimeout(timer)
  }
}
