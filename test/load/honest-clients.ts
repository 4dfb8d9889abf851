import { Agent, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'

const LONGEST_WAIT = 30_000 // milliseconds that a person tries to sign in for

/** A refresh that was answered, or not. */
export type Refresh = {
  /** Milliseconds from the beginning to its sending, and from then to its answer. */
  at: number
  latency: number
  fault?: string
}

export type SignIn = { seconds: number; attempts: number; fault?: string }

/** Sessions that go on and people who sign in, from a network of their own. */
export class HonestClients {
  readonly refreshes: Refresh[] = []
  readonly signIns: SignIn[] = []
  readonly #port: number
  readonly #agent = new Agent({ keepAlive: true })
  readonly #began = performance.now()

  constructor(port: number) {
    this.#port = port
  }

  /** Milliseconds since the beginning. */
  get now(): number {
    return performance.now() - this.#began
  }

  /** Refreshes a session at an even pace until a time, or as soon as it has its answer where that takes longer. */
  async refresh(
    token: string,
    { every, first, until }: { every: number; first: number; until: number },
  ): Promise<void> {
    let current = token
    for (let due = first; due < until; due = Math.max(due + every, this.now)) {
      await pause(Math.max(0, due - this.now))
      const at = this.now
      const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: current }).toString()
      const answer = await this.#post('/oauth2/token', 'application/x-www-form-urlencoded', form)
      const successor = answer.status === 200 ? JSON.parse(answer.body).refresh_token : undefined
      const latency = this.now - at
      if (typeof successor === 'string') this.refreshes.push({ at, latency })
      else this.refreshes.push({ at, latency, fault: `${answer.status} ${answer.body}` })
      current = successor ?? current
    }
  }

  /** Signs in now and then on one device until a time, and tries again when told to come later. */
  async signInNowAndThen(person: Credentials, { every, until }: { every: number; until: number }): Promise<void> {
    let deviceToken: string | undefined
    while (this.now < until) {
      const due = this.now + every
      const signIn = await this.#signIn(person, deviceToken)
      deviceToken = signIn.deviceToken ?? deviceToken
      this.signIns.push(signIn.outcome)
      await pause(Math.max(0, Math.min(due, until) - this.now))
    }
  }

  async #signIn(
    { email, password }: Credentials,
    deviceToken: string | undefined,
  ): Promise<{ outcome: SignIn; deviceToken?: string }> {
    const began = performance.now()
    const body = JSON.stringify({ email, password, ...(deviceToken && { device_token: deviceToken }) })
    for (let attempts = 1; ; attempts++) {
      const answer = await this.#post('/v1/sessions', 'application/json', body)
      const seconds = (performance.now() - began) / 1_000
      const isLate = seconds * 1_000 > LONGEST_WAIT
      if (answer.status === 201)
        return {
          outcome: { seconds, attempts, ...(isLate && { fault: 'too late' }) },
          deviceToken: JSON.parse(answer.body).device_token,
        }
      const isLater = (answer.status === 503 || answer.status === 429) && answer.retryAfter !== undefined
      if (!isLater || isLate) return { outcome: { seconds, attempts, fault: `${answer.status} ${answer.body}` } }
      await pause(answer.retryAfter! * 1_000)
    }
  }

  #post(path: string, type: string, body: string): Promise<Answer> {
    const { promise, resolve } = Promise.withResolvers<Answer>()
    const broken = (error: Error) => resolve({ status: 0, body: error.message, retryAfter: undefined })
    const headers = { 'content-type': type, 'content-length': Buffer.byteLength(body) }
    const where = { host: '127.0.0.1', port: this.#port, path, method: 'POST', agent: this.#agent, headers }
    request({ ...where, ...OWN_NETWORK }, response => {
      const retryAfter = response.headers['retry-after']
      text(response).then(
        answer =>
          resolve({
            status: response.statusCode!,
            body: answer,
            retryAfter: retryAfter === undefined ? undefined : Number(retryAfter),
          }),
        broken,
      )
    })
      .on('error', broken)
      .end(body)
    return promise
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }
}

export type Credentials = { email: string; password: string }
type Answer = { status: number; body: string; retryAfter: number | undefined }

// Linux answers for all of 127.0.0.0/8; elsewhere everybody shares one network.
const OWN_NETWORK = process.platform === 'linux' ? { localAddress: '127.0.0.2' } : {}
