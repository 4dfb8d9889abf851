/** What a client asked for. Never a password or a token. */
export type Asked = { operation: Operation; email: string }

export type Operation = 'sign up' | 'confirm' | 'sign in' | 'refresh'

/**
 * One line of a history. A request is `invoked`, and later one of
 * - `ok`: answered with 2xx, so it happened
 * - `failed`: refused with 4xx, so it did not
 * - `unknown`: the connection broke, no answer came, or a 5xx; it may or may not have happened
 *
 * One that is invoked and nothing else was under way when the history ended, which is as good as unknown.
 */
export type HistoryEvent = {
  /** RFC 3339. */
  time: string
  /** Of the request. */
  id: number
} & (
  | ({ type: 'invoked' } & Asked)
  | { type: 'ok'; status: number; account?: string }
  | { type: 'failed'; status: number; reason?: string }
  | { type: 'unknown'; status?: number; reason: string }
)

/** A request with what became of it. */
export type Request = Asked & {
  id: number
  outcome: 'ok' | 'failed' | 'unknown'
  status?: number
  reason?: string
  /** The id of the account, where the answer tells it. */
  account?: string
}

/** The requests of a history, in the order in which they were invoked. */
export function requestsOf(events: readonly HistoryEvent[]): Request[] {
  const requests = new Map<number, Request>()
  for (const event of events) {
    if (event.type === 'invoked') {
      const { id, operation, email } = event
      requests.set(id, { id, operation, email, outcome: 'unknown' })
      continue
    }
    const request = requests.get(event.id)
    if (!request) throw new Error(`A history needs each request to be invoked first. Found: ${JSON.stringify(event)}`)
    const { type, time: _, ...facts } = event
    requests.set(event.id, { ...request, ...facts, outcome: type })
  }
  return [...requests.values()]
}
