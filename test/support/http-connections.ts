import { once } from 'node:events'
import { Agent, type ClientRequest, type IncomingHttpHeaders, request } from 'node:http'
import { text } from 'node:stream/consumers'

// biome-ignore lint/suspicious/noExplicitAny: what the service answers is what the tests are there to find out
export type Reply = { status: number; headers: IncomingHttpHeaders; body: any; text: string }

export type Message = {
  form?: Record<string, string>
  json?: unknown
  headers?: Record<string, string>
}

/** Requests over connections that are kept: several times as many a second as `fetch` makes. */
export class HttpConnections implements Disposable {
  readonly #agent: Agent

  /** @param connections how many at most; further requests wait */
  constructor(connections: number) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections })
  }

  get(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Reply> {
    return replyTo(request(url, { method, agent: this.#agent, headers }).end())
  }

  post(url: string, message: Message): Promise<Reply> {
    const { body, headers } = written(message)
    return replyTo(request(url, { method: 'POST', agent: this.#agent, headers }).end(body))
  }

  /** Sends the whole request over a connection of its own, which it cuts instead of waiting for the answer. */
  async postAndCut(url: string, message: Message): Promise<void> {
    const { body, headers } = written(message)
    const sending = request(url, { method: 'POST', agent: false, headers })
    sending.on('error', () => {}) // the cut
    sending.end(body)
    await once(sending, 'finish')
    sending.destroy()
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }
}

function written({ form, json, headers }: Message): { body: string; headers: Record<string, string> } {
  const body = form ? new URLSearchParams(form).toString() : JSON.stringify(json)
  const type = form ? 'application/x-www-form-urlencoded' : 'application/json'
  return { body, headers: { 'content-type': type, 'content-length': String(Buffer.byteLength(body)), ...headers } }
}

function replyTo(sent: ClientRequest): Promise<Reply> {
  return new Promise((resolve, reject) => {
    sent.on('error', reject).on('response', response => {
      const { statusCode, headers } = response
      text(response).then(body => {
        const isJson = headers['content-type']?.includes('json') && body
        resolve({ status: statusCode!, headers, text: body, body: isJson ? JSON.parse(body) : undefined })
      }, reject)
    })
  })
}
