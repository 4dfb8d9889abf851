import type { FastifyInstance } from 'fastify'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answers of this route do not wait for those of others; it is cheap, and much depends on it. */
    goesFirst?: true
  }
}

const REQUESTS_A_TURN = 4

/**
 * Lets all requests but those of routes that go first take turns, a few each time that the process looks for new ones.
 *
 * When a thousand sign-ins arrive at one moment, Node would answer all of them before it looks up again. So a refresh
 * that arrives a moment later waits for a few of them instead of for all. Without a crowd nobody waits.
 */
export function takeTurns(server: Pick<FastifyInstance, 'addHook'>): void {
  const turns = new Turns()
  server.addHook('onRequest', (request, _reply, done) => {
    if (request.routeOptions.config.goesFirst) done()
    else turns.take(done)
  })
}

class Turns {
  #left = REQUESTS_A_TURN
  readonly #waiting: (() => void)[] = []
  #isScheduled = false

  take(begin: () => void): void {
    if (this.#left === 0) this.#waiting.push(begin)
    else {
      this.#left -= 1
      begin()
    }
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      const turn = this.#waiting.splice(0, REQUESTS_A_TURN)
      this.#left = REQUESTS_A_TURN - turn.length
      for (const begin of turn) begin()
      if (turn.length > 0) this.#schedule()
    })
  }
}
