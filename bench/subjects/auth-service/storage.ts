import { newDirectory } from '../../../test/measuring/directory.ts'
import { createDatabase } from '../../../test/support/postgres.ts'
import { SECRET_KEY } from '../../../test/support/service.ts'

export const STORAGES = ['embedded', 'PostgreSQL'] as const
export type StorageKind = (typeof STORAGES)[number]

export type StoragePlace = {
  /** The PostgreSQL server of this run. */
  postgres: { url: string }
}

/** Storage of its own for a service, and the settings that lead there. */
export type Storage = AsyncDisposable & { environment: Record<string, string> }

/** Makes an empty data directory and, for PostgreSQL, an empty database; both are removed at the end. */
export async function newStorage(kind: StorageKind, { postgres }: StoragePlace): Promise<Storage> {
  await using opened = new AsyncDisposableStack()
  const directory = opened.use(await newDirectory())
  const database = kind === 'PostgreSQL' ? opened.use(await createDatabase(postgres.url)) : undefined
  const parts = opened.move()
  return {
    environment: {
      AUTH_DATA_DIR: directory.path,
      ...(database && { AUTH_DATABASE_URL: database.url, AUTH_SECRET_KEY: SECRET_KEY }),
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}
