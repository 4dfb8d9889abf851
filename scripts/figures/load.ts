/** Sends requests to the service from a process of its own, over connections that are kept, and checks each answer. */

import { Agent, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { answerParent } from '../../test/measuring/helper-process.ts'

export type LettersLoad = {
  kind: 'letters'
  url: string
  concurrency: number
  count: number
  /** Asks with the ticket of one sign-up after the other. */
  tickets: string[]
}
export type RefreshesLoad = {
  kind: 'refreshes'
  url: string
  concurrency: number
  /** The refresh token of each session; at least one a client. */
  tokens: string[]
  /** Seconds. */
  warmUp: number
  /** Seconds. */
  duration: number
}
export type LoadResult = {
  /** Milliseconds, by the machine's clock. */
  endedAt: number
  /** Seconds that were measured. */
  duration: number
  /** Milliseconds from request to answer, of each that was answered while it was measured. */
  latencies: number[]
  /** What the sessions have now. */
  tokens: string[]
}

answerParent((load: LettersLoad | RefreshesLoad) =>
  load.kind === 'letters' ? askForLetters(load) : exchangeTokens(load),
)

type Answer = { status: number; body: string }

async function askForLetters({ url, concurrency, count, tickets }: LettersLoad): Promise<LoadResult> {
  const post = poster(`${url}/v1/confirmation-letters`, 'application/json', concurrency)
  const latencies: number[] = []
  const began = performance.now()
  let asked = 0
  await inLanes(concurrency, async () => {
    while (asked < count) {
      const ticket = tickets[asked++ % tickets.length]!
      const sentAt = performance.now()
      const { status, body } = await post(JSON.stringify({ ticket }))
      if (status !== 202) throw new Error(`asking for a letter answered ${status}: ${body}`)
      latencies.push(performance.now() - sentAt)
    }
  })
  return { ...endOf(began), latencies, tokens: [] }
}

/** Every client has sessions of its own and goes through them in turn, with the token that the last answer held. */
async function exchangeTokens({ url, concurrency, tokens, warmUp, duration }: RefreshesLoad): Promise<LoadResult> {
  const post = poster(`${url}/oauth2/token`, 'application/x-www-form-urlencoded', concurrency)
  const latencies: number[] = []
  const measuredFrom = performance.now() + warmUp * 1_000
  const measuredTo = measuredFrom + duration * 1_000
  await inLanes(concurrency, async lane => {
    for (let session = lane; performance.now() < measuredTo; session += concurrency) {
      if (session >= tokens.length) session = lane
      const sentAt = performance.now()
      tokens[session] = successorIn(await post(formOf(tokens[session]!)), tokens[session]!)
      const answeredAt = performance.now()
      if (answeredAt >= measuredFrom && answeredAt < measuredTo) latencies.push(answeredAt - sentAt)
    }
  })
  return { ...endOf(measuredFrom), duration, latencies, tokens }
}

const formOf = (token: string) => new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token }).toString()

function successorIn({ status, body }: Answer, token: string): string {
  const { access_token, refresh_token } = status === 200 ? JSON.parse(body) : {}
  if (typeof access_token !== 'string' || typeof refresh_token !== 'string' || refresh_token === token)
    throw new Error(`an exchange answered ${status}: ${body}`)
  return refresh_token
}

async function inLanes(count: number, work: (lane: number) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, lane) => work(lane)))
}

function endOf(began: number): { endedAt: number; duration: number } {
  const now = performance.now()
  return { endedAt: performance.timeOrigin + now, duration: (now - began) / 1_000 }
}

function poster(url: string, type: string, connections: number): (body: string) => Promise<Answer> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  return body =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': type, 'content-length': Buffer.byteLength(body) }
      request(url, { method: 'POST', agent, headers }, response => {
        text(response).then(answer => resolve({ status: response.statusCode!, body: answer }), reject)
      })
        .on('error', reject)
        .end(body)
    })
}
