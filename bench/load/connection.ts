import { Client } from 'undici'
import type { Answer, Question } from '../adapters/adapter.ts'

const LONGEST_WAIT = 60_000 // milliseconds

/** One connection that is kept, with one request at a time on it, as a browser or a server of an application has. */
export class Connection implements AsyncDisposable {
  readonly #client: Client

  /** @param origin such as `http://127.0.0.1:8080` */
  constructor(origin: string) {
    this.#client = new Client(origin, { pipelining: 1, headersTimeout: LONGEST_WAIT, bodyTimeout: LONGEST_WAIT })
  }

  /** @throws when the connection breaks, or no answer comes */
  send({ method, path, headers, body }: Question): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    let status = 0
    let received: Answer['headers'] = {}
    const chunks: Buffer[] = []
    // The low interface: the others make a stream for each answer, and cost more than what they measure.
    this.#client.dispatch(
      { method, path, headers, body: body ?? null },
      {
        onRequestStart: () => {},
        onResponseStart: (_controller, statusCode, responseHeaders) => {
          status = statusCode
          received = responseHeaders
        },
        onResponseData: (_controller, chunk) => void chunks.push(chunk),
        onResponseEnd: () => resolve({ status, headers: received, body: textOf(chunks) }),
        onResponseError: (_controller, error) => reject(error),
      },
    )
    return promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.destroy()
  }
}

const textOf = (chunks: Buffer[]) => (chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString()
