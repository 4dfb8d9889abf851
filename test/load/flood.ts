/** Sends sign-ins without end, from a process of its own, so that its work does not disturb the clock of who measures. */

import { randomUUID } from 'node:crypto'
import { Agent, request } from 'node:http'
import { answerParent } from '../measuring/helper-process.ts'
import { seededRandom } from '../proof/random.ts'

export type FloodQuestion =
  | {
      begin: {
        port: number
        /** Clients, each of which sends its next request when it has an answer. */
        clients: number
        /** How many networks they are shared out among. */
        networks: number
        /** Addresses that have an account, whose password the flood does not know. */
        known: string[]
        seed: number
      }
    }
  | { end: true }

/** What came of the requests: how many were answered with each status, and how many broke off. */
export type FloodAnswer = { answered: Record<string, number>; broken: number; seconds: number }

const BIG = Buffer.from(JSON.stringify({ email: 'a@example.com', password: 'x'.repeat(2 ** 20) }))
const SHARE_OF_BIG = 0.02
const SHARE_OF_KNOWN = 0.3
const REST = 20 // milliseconds after a connection broke, as a client that fails at once would take all of a core

let answered: Record<string, number> = {}
let broken = 0
let began = 0
let isEnding = false
let lanes: Promise<void>[] = []

answerParent<FloodQuestion, FloodAnswer>(async question => {
  if ('begin' in question) {
    ;[answered, broken, began, isEnding] = [{}, 0, performance.now(), false]
    const { clients } = question.begin
    lanes = Array.from({ length: clients }, (_, client) => floodFrom(client, question.begin))
  } else {
    isEnding = true
    await Promise.all(lanes)
  }
  return { answered, broken, seconds: (performance.now() - began) / 1_000 }
})

type Flood = Extract<FloodQuestion, { begin: unknown }>['begin']

async function floodFrom(client: number, { port, networks, known, seed }: Flood): Promise<void> {
  const random = seededRandom(seed + client)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const localAddress = floodAddress(client % networks)
  while (!isEnding) {
    const isBig = random() < SHARE_OF_BIG
    const isKnown = random() < SHARE_OF_KNOWN
    const email = isKnown ? known[Math.floor(random() * known.length)] : `${randomUUID()}@example.com`
    const body = isBig ? BIG : Buffer.from(JSON.stringify({ email, password: `guess ${randomUUID()}` }))
    try {
      const status = await post({ port, agent, localAddress, body })
      answered[status] = (answered[status] ?? 0) + 1
    } catch {
      broken++
      await new Promise(resolve => setTimeout(resolve, REST))
    }
  }
  agent.destroy()
}

/** Linux answers for all of 127.0.0.0/8; other systems for one address of it. */
function floodAddress(network: number): string | undefined {
  return process.platform === 'linux' ? `127.0.${1 + Math.floor(network / 250)}.${1 + (network % 250)}` : undefined
}

type Post = { port: number; agent: Agent; localAddress: string | undefined; body: Buffer }

function post({ port, agent, localAddress, body }: Post): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const headers = { 'content-type': 'application/json', 'content-length': body.length }
  const sent = request(
    {
      ...{ host: '127.0.0.1', port, path: '/v1/sessions', method: 'POST', agent, headers },
      ...(localAddress !== undefined && { localAddress }),
    },
    response => {
      // What was too big is answered before all of it was sent, and the connection closed after.
      response
        .resume()
        .on('end', () => resolve(response.statusCode!))
        .on('error', () => resolve(response.statusCode!))
    },
  )
  sent.on('error', reject).end(body)
  return promise
}
