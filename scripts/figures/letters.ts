import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type HelperProcess, startHelper } from '../../test/measuring/helper-process.ts'
import { whole } from '../../test/measuring/statistics.ts'
import { signUp } from '../../test/support/service.ts'
import type { LettersLoad, LoadResult } from './load.ts'
import { startService } from './service.ts'
import type { Arrival, SinkAnswer, SinkQuestion } from './sink.ts'
import { newStorage, STORAGES, type StorageKind } from './storage.ts'
import type { Subject, SubjectNeeds } from './subject.ts'

const LETTERS = 3_000
const CONCURRENCY = 32
const ACCOUNTS = 10
const LONGEST_SILENCE = 20_000 // milliseconds
const FEW = 50 // letters; too few to tell a rate by

type Sink = HelperProcess<SinkQuestion, SinkAnswer>

/** How fast letters that are asked for reach the mail server. */
export const letters: Subject = {
  title: 'Letters',
  async measure(needs) {
    const count = needs.scaled(LETTERS)
    const rows = []
    for (const kind of STORAGES) rows.push([kind, ...(await measureStorage(kind, count, needs))])
    return {
      how:
        `${whole(count)} letters are asked for by \`POST /v1/confirmation-letters\`, ${CONCURRENCY} requests at a time and ` +
        `with the tickets of ${needs.scaled(ACCOUNTS)} sign-ups, while the service hands them to an SMTP server on ` +
        'loopback that reads and drops them. Letters a second count from the first arrival to the last, and from the ' +
        'end of the requests to the last; each letter is checked to have arrived once.',
      columns: ['database', 'requests/s', 'letters/s', 'still to send when the requests end', 'letters/s from then on'],
      rows,
    }
  },
}

async function measureStorage(kind: StorageKind, count: number, needs: SubjectNeeds): Promise<string[]> {
  await using sink: Sink = startHelper(join(import.meta.dirname, 'sink.ts'))
  const { port } = await sink.ask({ want: 'state' })
  await using storage = await newStorage(kind, needs)
  await using service = await startService({ ...storage.environment, AUTH_SMTP_URL: `smtp://127.0.0.1:${port}` })
  const tickets: string[] = []
  while (tickets.length < needs.scaled(ACCOUNTS)) tickets.push((await signUp(service)).ticket)
  await untilArrived(sink, tickets.length)
  await sink.ask({ want: 'to forget' })

  await using load = startHelper<LettersLoad, LoadResult>(join(import.meta.dirname, 'load.ts'))
  const { url } = service
  const asked = await load.ask({ kind: 'letters', url, concurrency: CONCURRENCY, count, tickets })
  await untilArrived(sink, count)
  const { arrivals } = await sink.ask({ want: 'arrivals' })
  const different = new Set(arrivals.map(({ messageId }) => messageId)).size
  if (arrivals.length !== count || different !== count)
    throw new Error(`${count} letters were asked for, ${arrivals.length} arrived, ${different} of them different`)

  const later = arrivals.filter(({ at }) => at > asked.endedAt)
  const cells = [
    whole(count / asked.duration),
    rateOf(arrivals),
    whole(later.length),
    later.length < FEW ? 'too few to tell' : rateOf(later),
  ]
  needs.say(`${kind}: ${cells[0]} requests/s, ${cells[1]} letters/s; then ${cells[2]} were left, ${cells[3]} letters/s`)
  return cells
}

/** @throws when the letters stop coming before that many have arrived */
async function untilArrived(sink: Sink, wanted: number): Promise<void> {
  let before = 0
  let lastChange = performance.now()
  for (;;) {
    const { count } = await sink.ask({ want: 'state' })
    if (count >= wanted) return
    if (count > before) lastChange = performance.now()
    before = count
    if (performance.now() > lastChange + LONGEST_SILENCE)
      throw new Error(`${count} of ${wanted} letters have arrived, and no more for ${LONGEST_SILENCE / 1_000} s`)
    await pause(50)
  }
}

/** Letters a second, by the times between the first and the last. */
function rateOf(arrivals: readonly Arrival[]): string {
  const seconds = (arrivals.at(-1)!.at - arrivals[0]!.at) / 1_000
  return whole((arrivals.length - 1) / seconds)
}
