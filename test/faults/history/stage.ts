import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Alteration } from '../../support/altered-source.ts'
import { createDatabase } from '../../support/postgres.ts'
import { emptyDirectory, ServiceProcess } from '../../support/process.ts'
import { SECRET_KEY } from '../../support/service.ts'
import { openSmtpSink } from '../../support/smtp-sink.ts'
import { connect, countWaiting, readEvidence } from './database-rows.ts'
import { History, keepEvidence } from './history.ts'
import { type Judgement, judge } from './judge.ts'
import { type Mail, mailIn } from './mail.ts'

export type Running = { process: ServiceProcess; url: string }

/** A database and a mail server that stay, while the service between them comes and goes. */
export type Stage = AsyncDisposable & {
  history: History
  mail: Mail
  start(alterations?: Alteration[]): Promise<Running>
  /**
   * Lets a service finish everything that waits, and judges what there is then.
   * @param meanwhile is done while that service runs
   */
  settle(meanwhile?: (running: Running) => Promise<void>): Promise<Judgement>
}

/** What every service is started with: limits by network would be met by clients that share one. */
export const ENVIRONMENT = { AUTH_RATE_LIMITS: 'off' }

/** Longer than the lease of a message (10 s), its supervision (5 s) and the pauses after several interruptions. */
/**
 * Milliseconds. Somebody may wait for a letter, and one that was interrupted by kill after kill comes after the longest
 * pause between two tries, which is 5 minutes.
 */
export const LONGEST_WAIT = 420_000

/** @param name what the files of the history and of the evidence begin with */
export async function openStage(options: { postgresUrl: string; directory: string; name: string }): Promise<Stage> {
  const { postgresUrl, directory, name } = options
  await using opened = new AsyncDisposableStack()
  const database = opened.use(await createDatabase(postgresUrl))
  const data = opened.use(await emptyDirectory())
  const sink = opened.use(await openSmtpSink())
  const history = opened.use(new History(join(directory, `${name}-requests.jsonl`)))
  const services = opened.use(
    new Services({
      ...ENVIRONMENT,
      AUTH_DATA_DIR: data.path,
      AUTH_DATABASE_URL: database.url,
      AUTH_SECRET_KEY: SECRET_KEY,
      AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}`,
    }),
  )
  const mail = mailIn(sink)
  const parts = opened.move()
  return {
    history,
    mail,
    start: alterations => services.start(alterations),
    async settle(meanwhile = async () => {}) {
      const running = await services.start()
      await meanwhile(running)
      await using client = await connect(database.url)
      for (const deadline = Date.now() + LONGEST_WAIT; Date.now() < deadline; await pause(100))
        if ((await countWaiting(client.query)) === 0) break
      await running.process.kill('SIGTERM')
      const letters = await mail.all()
      const rows = await readEvidence(client.query)
      keepEvidence(join(directory, name), { ...rows, letters })
      return judge({ events: history.events, letters, ...rows })
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

/** Services that are started one after another, or beside one another, in the same surroundings. */
export class Services implements AsyncDisposable {
  readonly #env: Record<string, string>
  readonly #running = new Set<ServiceProcess>()

  constructor(env: Record<string, string>) {
    this.#env = env
  }

  async start(alterations: Alteration[] = []): Promise<Running> {
    const process = new ServiceProcess(this.#env, [], alterations)
    this.#running.add(process)
    void process.ended().then(() => this.#running.delete(process))
    return { process, url: await process.started() }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running].map(process => process.kill()))
  }
}
