import { newDirectory } from '../../test/measuring/directory.ts'
import { createDatabase } from '../../test/support/postgres.ts'
import { DatabaseMeter } from '../meters/database.ts'
import type { Running, Subject } from '../subjects/subject.ts'
import type { Bench } from './measurement.ts'

/** A subject that runs, on a database of its own. */
export type Started = { subject: Subject; running: Running; databaseUrl: string; database?: DatabaseMeter }

/**
 * Starts each subject in each round, one after the other, so that what the machine does meanwhile meets all of them.
 *
 * @returns what was found, by subject and in the order of the rounds
 */
export async function inTurn<Found>(
  bench: Pick<Bench, 'postgres' | 'smtpUrl' | 'rounds' | 'say'>,
  subjects: readonly Subject[],
  measure: (started: Started, round: number) => Promise<Found>,
): Promise<Map<Subject, Found[]>> {
  const found = new Map(subjects.map(subject => [subject, [] as Found[]]))
  for (let round = 0; round < bench.rounds; round++)
    for (const subject of subjects) found.get(subject)!.push(await started(bench, subject, one => measure(one, round)))
  return found
}

/** Starts a subject on an empty database for as long as `use` takes. */
export async function started<Found>(
  { postgres, smtpUrl, say }: Pick<Bench, 'postgres' | 'smtpUrl' | 'say'>,
  subject: Subject,
  use: (started: Started) => Promise<Found>,
): Promise<Found> {
  await using database = await createDatabase(postgres.url)
  await using directory = await newDirectory()
  await using running = await subject.start({ databaseUrl: database.url, directory: directory.path, smtpUrl, say })
  const used = subject.isRemote ? running.databaseUrl : database.url
  await using meter = used === undefined ? undefined : await DatabaseMeter.open(used)
  return await use({ subject, running, databaseUrl: database.url, ...(meter && { database: meter }) })
}
