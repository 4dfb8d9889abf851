import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Experiment } from '../../proof/experiment.ts'
import { seededRandom } from '../../proof/random.ts'
import { createDatabase } from '../../support/postgres.ts'
import { emptyDirectory, ServiceProcess } from '../../support/process.ts'
import { type RawAnswer, sendRaw } from '../../support/raw-http.ts'
import { SECRET_KEY } from '../../support/service.ts'
import { openSmtpSink } from '../../support/smtp-sink.ts'
import { codeOf, faultOf, holdsToken } from './answer-judge.ts'
import { type MalformedRequest, malformedRequest, nameOf, oneOf, operations } from './malformed-requests.ts'
import { anyRawBytes, type RawBytes } from './raw-bytes.ts'

const AT_ONCE = 12 // fewer than passwords may wait, so that the service is never overloaded
const SHARE_OF_RAW_BYTES = 0.2

export const malformedInput: Experiment = {
  id: 'F12',
  title: 'Malformed input',
  claim: 'Whatever arrives, the service answers as it documents, never with a 5xx, and goes on.',
  command: 'prove',
  proves: ['R72', 'R73'],
  trials: { short: 1_500, full: 100_000 },
  async run({ trials, seed, postgresUrl, directory, progress }) {
    await using database = await createDatabase(postgresUrl)
    await using folder = await emptyDirectory()
    await using sink = await openSmtpSink()
    await using service = new ServiceProcess({
      AUTH_DATA_DIR: folder.path,
      AUTH_DATABASE_URL: database.url,
      AUTH_SECRET_KEY: SECRET_KEY,
      AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}`,
      AUTH_RATE_LIMITS: 'off',
      AUTH_TRUST_PROXY: '127.0.0.1,::1',
    })
    const port = Number(new URL(await service.started()).port)
    const evidence = join(directory, 'faults.jsonl')
    writeFileSync(evidence, '')
    const tally = new Tally(fact => appendFileSync(evidence, `${JSON.stringify({ seed, ...fact })}\n`))
    const random = seededRandom(seed)
    const { described, pages } = operations()
    const all = [...described, ...pages]
    const unasked = Array.from({ length: 20 }, () => described).flat() // often enough that each stays itself once

    let begun = 0
    const lane = async () => {
      while (begun < trials) {
        const number = begun++
        if (number % 1_000 === 0) progress(number)
        if (unasked.length === 0 && random() < SHARE_OF_RAW_BYTES) await tally.raw(port, anyRawBytes(random))
        else await tally.request(port, malformedRequest(unasked.pop() ?? oneOf(all, random), random))
      }
    }
    const began = performance.now()
    await Promise.all(Array.from({ length: AT_ONCE }, lane))
    const seconds = (performance.now() - began) / 1_000

    const alive = (await sendRaw(port, 'GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n'))
      .answers[0]
    const residentSize = residentSizeOf(service.child.pid!)
    const errors = service.output.split('\n').filter(line => /^\{"level":"(error|fatal)"/.test(line))
    for (const line of errors.slice(0, 50)) appendFileSync(evidence, `${line}\n`)
    const asked = described.filter(operation => tally.operations.has(nameOf(operation)))
    return {
      trials,
      unit: 'requests',
      counted: [
        { what: 'answers of 5xx', count: tally.serverErrors, of: trials },
        { what: 'answers of 503 overloaded', count: tally.overloaded, of: trials },
        { what: 'errors in the log', count: errors.length, of: trials },
        {
          what: 'ends of the process',
          count: alive?.status === 200 && service.child.exitCode === null ? 0 : 1,
          of: trials,
        },
        { what: 'tokens issued', count: tally.tokens, of: trials },
        { what: 'answers of no documented kind', count: tally.undocumented, of: tally.answers },
        { what: 'requests without an answer', count: tally.unanswered, of: trials },
        { what: 'operations that were never asked', count: described.length - asked.length, of: described.length },
      ],
      measured: [
        { what: 'requests a second', value: trials / seconds, unit: '/s' },
        { what: 'resident size of the process at the end', value: residentSize, unit: 'MiB' },
      ],
      remarks: [
        `Each status was answered: ${[...tally.statuses]
          .sort()
          .map(([status, count]) => `${status} × ${count}`)
          .join(', ')}.`,
      ],
    }
  },
}

class Tally {
  serverErrors = 0
  overloaded = 0
  tokens = 0
  undocumented = 0
  unanswered = 0
  answers = 0
  readonly operations = new Set<string>()
  readonly statuses = new Map<number, number>()
  readonly #note: (fact: object) => void

  constructor(note: (fact: object) => void) {
    this.#note = note
  }

  async request(port: number, request: MalformedRequest): Promise<void> {
    if (request.operation) this.operations.add(request.operation)
    const bytes = bytesOf(request, port)
    const { answers } = await sendRaw(port, bytes, { patience: 10_000 })
    const asked = {
      method: request.method,
      path: request.path.slice(0, 300),
      bytes: bytes.toString('base64').slice(0, 4_000),
    }
    for (const answer of answers) this.#judge(answer, request.method, asked)
    // A body that is too large is refused before it has arrived: then the refusal can be lost with the connection.
    if (answers.length > 0 || request.body.length > 60_000) return
    this.unanswered += 1
    this.#note({ fault: 'no answer', ...asked })
  }

  async raw(port: number, { name, bytes, ...options }: RawBytes): Promise<void> {
    const { answers } = await sendRaw(port, bytes, options)
    const method = bytes.subarray(0, 5).toString('latin1').split(' ')[0]!
    for (const answer of answers) this.#judge(answer, method, { name, bytes: bytes.toString('base64').slice(0, 4_000) })
  }

  #judge(answer: RawAnswer, method: string, asked: object): void {
    this.answers += 1
    this.statuses.set(answer.status, (this.statuses.get(answer.status) ?? 0) + 1)
    const isOverloaded = answer.status === 503 && codeOf(answer) === 'overloaded'
    if (isOverloaded) this.overloaded += 1
    else if (answer.status >= 500) this.serverErrors += 1
    if (holdsToken(answer)) this.tokens += 1
    const fault = faultOf(answer, method)
    if (fault) this.undocumented += 1
    if (fault || answer.status >= 500 || holdsToken(answer)) this.#note({ fault: fault ?? answer.status, ...asked })
  }
}

function bytesOf({ method, path, headers, body }: MalformedRequest, port: number): Buffer {
  const names = new Set(headers.map(([name]) => name))
  const common = [
    ...(names.has('host') ? [] : [['host', `localhost:${port}`]]),
    ['connection', names.has('upgrade') ? 'upgrade, close' : 'close'],
    ...(body.length > 0 ? [['content-length', String(body.length)]] : []),
  ]
  const lines = [...common, ...headers].map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`), body])
}

function residentSizeOf(pid: number): number {
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) / 1_024
}
