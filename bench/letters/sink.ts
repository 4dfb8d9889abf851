/** A mail server in a process of its own that reads every letter, notes when it came, and drops it. */

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { SMTPServer } from 'smtp-server'
import { answerParent } from '../../test/measuring/helper-process.ts'

export type SinkQuestion =
  | { want: 'state' | 'arrivals' | 'to forget' }
  /** From now on it waits so many milliseconds before it accepts what it has read. */
  | { want: 'to take'; delay: number }
export type SinkAnswer = {
  port: number
  count: number
  /** In the order of arrival, when `arrivals` was asked for. */
  arrivals: Arrival[]
}
export type Arrival = { messageId: string /** Milliseconds, by the machine's clock. */; at: number }

let arrivals: Arrival[] = []
let delay = 0
const server = new SMTPServer({
  disabledCommands: ['AUTH', 'STARTTLS'],
  disableReverseLookup: true,
  logger: false,
  maxClients: 500,
  onData: (stream, _session, answer) =>
    void text(stream).then(async letter => {
      if (delay > 0) await pause(delay)
      const messageId = /^message-id: *(<.*>)/im.exec(letter)?.[1] ?? ''
      arrivals.push({ messageId, at: performance.timeOrigin + performance.now() })
      answer(null)
    }, answer),
})
server.on('error', () => {}) // a client that went away
server.listen(0, '127.0.0.1')
const listening = once(server.server, 'listening')

answerParent<SinkQuestion, SinkAnswer>(async question => {
  await listening
  const { want } = question
  if (want === 'to forget') arrivals = []
  if (want === 'to take') delay = question.delay
  const { port } = server.server.address() as AddressInfo
  return { port, count: arrivals.length, arrivals: want === 'arrivals' ? arrivals : [] }
})
