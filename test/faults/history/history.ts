import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import type { Answer } from '../../support/service.ts'
import type { Asked, HistoryEvent } from './event.ts'
import type { Evidence } from './judge.ts'

const LONGEST_ANSWER = 30_000 // milliseconds

// What each event holds apart from when and of which request.
type Facts = HistoryEvent extends infer Event ? (Event extends unknown ? Omit<Event, 'time' | 'id'> : never) : never

/** Logs every request of every client, as JSON Lines in a file and here. */
export class History implements Disposable {
  readonly events: HistoryEvent[] = []
  readonly #file: number
  #requests = 0

  /** @param path of the file, which is written anew */
  constructor(path: string) {
    this.#file = openSync(path, 'w')
  }

  /** Sends a request and logs it. @returns the answer; undefined when whether it happened is unknown */
  async request(asked: Asked, send: (signal: AbortSignal) => Promise<Answer>): Promise<Answer | undefined> {
    const id = ++this.#requests
    this.#log(id, { type: 'invoked', ...asked })
    try {
      const answer = await send(AbortSignal.timeout(LONGEST_ANSWER))
      this.#log(id, outcomeOf(asked, answer))
      return answer.status >= 500 ? undefined : answer
    } catch (error) {
      const { code, name } = ((error as Error).cause ?? error) as NodeJS.ErrnoException
      this.#log(id, { type: 'unknown', reason: code ?? name })
      return undefined
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#file)
  }

  #log(id: number, facts: Facts): void {
    const event = { time: new Date().toISOString(), id, ...facts } as HistoryEvent
    this.events.push(event)
    writeSync(this.#file, `${JSON.stringify(event)}\n`)
  }
}

function outcomeOf({ operation }: Asked, { status, body }: Answer): Facts {
  const reason = body?.reason ?? body?.code ?? body?.error
  if (status >= 500) return { type: 'unknown', status, reason: reason ?? 'a 5xx' }
  if (status >= 400) return { type: 'failed', status, ...(reason && { reason }) }
  return { type: 'ok', status, ...(operation === 'sign up' && { account: body.id }) }
}

/**
 * Writes what a history is judged against, as JSON Lines: accounts, and letters without their tokens.
 * @param path what the files' names begin with
 */
export function keepEvidence(path: string, { accounts, letters }: Pick<Evidence, 'accounts' | 'letters'>): void {
  const write = (what: string, rows: readonly object[]) =>
    writeFileSync(`${path}-${what}.jsonl`, rows.map(row => `${JSON.stringify(row)}\n`).join(''))
  write('accounts', accounts)
  write(
    'letters',
    letters.map(({ token, ...letter }) => ({ ...letter, confirms: token !== undefined })),
  )
}
