import http from 'node:http'
import https from 'node:https'
import { setTimeout as pause } from 'node:timers/promises'
import { OperatorError } from '../operator-error.ts'

export type Request = {
  method: 'GET' | 'POST'
  /** With the query. */
  path: string
  headers?: Record<string, string>
  json?: unknown
  form?: Record<string, string>
}

export type Answer = {
  status: number
  /** As they came over the wire: in their order, repeated ones too. */
  headers: (readonly [name: string, value: string])[]
  body: string
  /** From the request to the last byte of the answer. */
  milliseconds: number
}

const LONGEST_WAIT = 120 // seconds that a limit may ask us to wait
const MOST_REFUSALS = 10 // in a row
const LONGEST_ANSWER = 60_000 // milliseconds

/** Asks a service from outside, as a stranger would, over connections that are kept. */
export class Client implements Disposable {
  readonly origin: string
  readonly #agent: http.Agent
  readonly #request: typeof http.request
  readonly #onWait: (answer: Answer, seconds: number) => void

  /** @param onWait is told of each answer that says to come back later */
  constructor(origin: string, onWait: (answer: Answer, seconds: number) => void = () => {}) {
    const { Agent, request } = origin.startsWith('https:') ? https : http
    this.origin = origin
    this.#agent = new Agent({ keepAlive: true })
    this.#request = request
    this.#onWait = onWait
  }

  /**
   * Asks, and asks again after `retry-after` where a limit or an overload (429, 503) stands in front of the answer.
   *
   * @param isAnswer which 429 and 503 are the answer that is asked for
   * @throws OperatorError when the service cannot be reached, or its limits leave no way
   */
  async ask(request: Request, isAnswer: (answer: Answer) => boolean = () => false): Promise<Answer> {
    for (let refusals = 1; ; refusals++) {
      const answer = await this.#send(request)
      if ((answer.status !== 429 && answer.status !== 503) || isAnswer(answer)) return answer
      const seconds = Number(headerOf(answer, 'retry-after') ?? 1)
      if (refusals === MOST_REFUSALS || !(seconds <= LONGEST_WAIT)) throw tooLimited(request, answer)
      this.#onWait(answer, seconds)
      await pause(seconds * 1_000)
    }
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }

  #send({ method, path, headers, json, form }: Request): Promise<Answer> {
    const body = json !== undefined ? JSON.stringify(json) : form && new URLSearchParams(form).toString()
    const type = json !== undefined ? 'application/json' : 'application/x-www-form-urlencoded'
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const began = performance.now()
    const request = this.#request(new URL(path, this.origin), {
      agent: this.#agent,
      method,
      timeout: LONGEST_ANSWER,
      headers: {
        ...headers,
        ...(body !== undefined && { 'content-type': type, 'content-length': Buffer.byteLength(body) }),
      },
    })
    request.on('response', response => {
      const chunks: Buffer[] = []
      response.on('data', chunk => chunks.push(chunk))
      response.on('error', error => reject(unreachable(this.origin, error)))
      response.on('end', () =>
        resolve({
          milliseconds: performance.now() - began,
          status: response.statusCode!,
          headers: pairs(response.rawHeaders),
          body: Buffer.concat(chunks).toString(),
        }),
      )
    })
    request.on('timeout', () => request.destroy(new Error(`no answer in ${LONGEST_ANSWER / 1_000} s`)))
    request.on('error', error => reject(unreachable(this.origin, error)))
    request.end(body)
    return promise
  }
}

export function headerOf({ headers }: Answer, wanted: string): string | undefined {
  return headers.find(([name]) => name.toLowerCase() === wanted)?.[1]
}

/** The body of an answer in JSON; undefined for any other. */
// What a service answers is what is to be found out.
// biome-ignore lint/suspicious/noExplicitAny: see above
export function jsonOf({ body }: Answer): any {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

function pairs(rawHeaders: string[]): [string, string][] {
  return rawHeaders.flatMap((name, index) => (index % 2 ? [] : [[name, rawHeaders[index + 1]!] as [string, string]]))
}

function unreachable(origin: string, error: NodeJS.ErrnoException): OperatorError {
  return new OperatorError(
    {
      needed: `the service to answer at ${origin}`,
      found: error.message || (error.code ?? error.name), // an AggregateError has no message
      remedy: 'start it, or give the --url that it prints at its start',
    },
    { cause: error },
  )
}

function tooLimited({ method, path }: Request, answer: Answer): OperatorError {
  const seconds = headerOf(answer, 'retry-after')
  return new OperatorError({
    needed: `answers of ${method} ${path} within the limits of the service`,
    found: `${answer.status} ${jsonOf(answer)?.code ?? ''} that says to come back in ${seconds ?? 'an unknown number of'} s`,
    remedy: 'ask a test instance that runs with AUTH_RATE_LIMITS=off, or come back later with --no-latency',
  })
}
