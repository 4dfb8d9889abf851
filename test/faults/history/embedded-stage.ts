import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { pino } from 'pino'
import { openEmbeddedDatabase } from '../../../src/embedded/database.ts'
import { embeddedDatabase } from '../../../src/storage/database.ts'
import { describeSchema } from '../../../src/storage/describe-schema.ts'
import { emptyDirectory } from '../../support/process.ts'
import { fillDataDirectory } from '../../support/service.ts'
import { readEvidence } from './database-rows.ts'
import { History, keepEvidence } from './history.ts'
import { type Judgement, judge } from './judge.ts'
import { type CollectedMail, mailCollected } from './mail.ts'
import { ENVIRONMENT, LONGEST_WAIT, type Running, Services } from './stage.ts'

/** A data directory that stays, while the service with its database and its mailbox comes and goes. */
export type EmbeddedStage = AsyncDisposable & {
  history: History
  mail: CollectedMail
  start(): Promise<Running>
  settle(meanwhile: (running: Running) => Promise<void>): Promise<Judgement & { isSchemaIntact: boolean }>
}

const BETWEEN_COLLECTIONS = 100 // milliseconds, in which fewer letters come than the mailbox lists
const LONGEST_QUIET = 5_000 // milliseconds; what is not sent by then waits for a retry, and gets another start

const SCHEMA = join(import.meta.dirname, '../../../schema.sql')

export async function openEmbeddedStage(options: { directory: string; name: string }): Promise<EmbeddedStage> {
  const { directory, name } = options
  await using opened = new AsyncDisposableStack()
  const data = opened.use(await emptyDirectory())
  await fillDataDirectory(data.path)
  const history = opened.use(new History(join(directory, `${name}-requests.jsonl`)))
  const services = opened.use(new Services({ ...ENVIRONMENT, AUTH_DATA_DIR: data.path }))
  let origin = ''
  const mail = mailCollected(() => origin)
  const start = async () => {
    const running = await services.start()
    origin = running.url
    await mail.collect(origin)
    return running
  }
  const finish = async ({ process }: Running) => {
    await untilQuiet(mail, origin)
    await process.kill('SIGTERM')
    return readDatabase(join(data.path, 'database'))
  }

  const parts = opened.move()
  return {
    history,
    mail,
    start,
    async settle(meanwhile) {
      const running = await start()
      await collectingAllTheTime(mail, origin, () => meanwhile(running))
      const deadline = Date.now() + LONGEST_WAIT
      let rows = await finish(running)
      while (rows.waiting > 0 && Date.now() < deadline) rows = await finish(await start())
      await (await start()).process.kill('SIGTERM') // it collects the last letters
      const letters = await mail.all()
      keepEvidence(join(directory, name), { ...rows, letters })
      return { ...judge({ events: history.events, letters, ...rows }), isSchemaIntact: rows.isSchemaIntact }
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

/** Collects letters while something else goes on: after many kills, hundreds come within seconds. */
async function collectingAllTheTime(mail: CollectedMail, url: string, work: () => Promise<void>): Promise<void> {
  let isOver = false
  const collect = async () => {
    while (!isOver) {
      await mail.collect(url)
      await pause(BETWEEN_COLLECTIONS)
    }
  }
  const collected = collect()
  try {
    await work()
  } finally {
    isOver = true
    await collected
  }
}

/** Waits until no letter has come for a while. */
async function untilQuiet(mail: CollectedMail, url: string): Promise<void> {
  let count = -1
  for (let last = Date.now(); Date.now() - last < LONGEST_QUIET; await pause(BETWEEN_COLLECTIONS)) {
    await mail.collect(url)
    const { length } = await mail.all()
    if (length !== count) last = Date.now()
    count = length
  }
}

async function readDatabase(directory: string) {
  await using opened = await openEmbeddedDatabase({ directory, logger: pino({ level: 'silent' }), optimize: false })
  const { pglite } = opened
  const evidence = await readEvidence(async text => (await pglite.query<object>(text)).rows)
  const schema = await describeSchema(embeddedDatabase(pglite))
  return { ...evidence, isSchemaIntact: schema === (await readFile(SCHEMA, 'utf8')) }
}
