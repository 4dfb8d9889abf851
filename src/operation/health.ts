import { Type } from 'typebox'
import type { HttpServer } from '../http/server.ts'
import { isFromThisMachine } from '../http/trusted-proxies.ts'
import { type Checked, Dependency } from './readiness.ts'

export type HealthNeeds = {
  /** Each throws when the part cannot be reached or does not accept writes, or when a key is missing. */
  checks: Record<'database' | 'queue' | 'keys', () => Promise<void>>
  /** Is told of a check that took too long. */
  onMissedDeadline(what: 'readiness_check'): void
  /** What the one who runs the service is told of what the check of the keys threw, if anything. */
  reasonOf(error: unknown): string | undefined
  /** How the sending of emails is; undefined in a process that sends none. It has a deadline of its own. */
  mail: (() => Promise<'ok' | 'degraded' | 'unknown'>) | undefined
}

const TO_THIS_MACHINE = 'Shown to direct requests of the machine that the service runs on'

const State = Type.Enum(['ok', 'failed'])
const CheckedDependency = Type.Object({
  state: State,
  checked_seconds_ago: Type.Number({ description: 'A good result is shared by the probes of a second' }),
  ok_seconds_ago: Type.Optional(
    Type.Number({ description: 'Since it was last found to be good; absent if it never was' }),
  ),
})
const ReadyAnswer = Type.Object(
  {
    status: State,
    database: State,
    queue: State,
    keys: Type.Enum(['ok', 'failed'], {
      description: 'failed: a secret key is missing that another process makes with, or nothing can be signed',
    }),
    reason: Type.Optional(Type.String({ description: `Why the keys have failed. ${TO_THIS_MACHINE}` })),
    mail: Type.Optional(
      Type.Enum(['ok', 'degraded', 'unknown'], {
        description: `degraded: emails wait, for the mail server is in trouble or takes too few; everything else goes on. ${TO_THIS_MACHINE}`,
      }),
    ),
    dependencies: Type.Optional(
      Type.Object(
        { database: CheckedDependency, queue: CheckedDependency, keys: CheckedDependency },
        { description: `How old each result is. ${TO_THIS_MACHINE}` },
      ),
    ),
  },
  { description: 'How each part is' },
)

/**
 * `/livez`: the process answers. `/readyz`: it can do its work.
 *
 * `/readyz` is on the public port, since load balancers need its status. It tells strangers no more than what makes up that
 * status: how emails fare would tell who has an account, since while the mail server is down an email that is asked for by
 * address fails only where there is one.
 */
export function healthRoutes(server: HttpServer, { checks, onMissedDeadline, reasonOf, mail }: HealthNeeds): void {
  const database = new Dependency(checks.database, onMissedDeadline)
  const queue = new Dependency(checks.queue, onMissedDeadline)
  const keys = new Dependency(checks.keys, onMissedDeadline)

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
    async (request, reply) => {
      const isLocal = isFromThisMachine(request.raw)
      const mailAsShown = isLocal ? mail?.() : undefined
      const [mailState, ...checked] = await Promise.all([mailAsShown, database.state(), queue.state(), keys.state()])
      const [ofDatabase, ofQueue, ofKeys] = checked
      const reason = reasonOf(ofKeys.error)
      const status: 'ok' | 'failed' = checked.every(({ state }) => state === 'ok') ? 'ok' : 'failed'
      return reply.code(status === 'ok' ? 200 : 503).send({
        status,
        database: ofDatabase.state,
        queue: ofQueue.state,
        keys: ofKeys.state,
        ...(mailState && { mail: mailState }),
        ...(isLocal && {
          ...(reason !== undefined && { reason }),
          dependencies: { database: describe(ofDatabase), queue: describe(ofQueue), keys: describe(ofKeys) },
        }),
      })
    },
  )
}

/** What a response tells of a check, with ages in seconds. */
function describe({ state, checkedAt, okAt }: Checked) {
  const now = performance.now()
  const age = (at: number) => Math.max(0, Math.round((now - at) / 100) / 10)
  return { state, checked_seconds_ago: age(checkedAt), ...(okAt !== undefined && { ok_seconds_ago: age(okAt) }) }
}
