import type { Results } from '@electric-sql/pglite'

/** The database that the worker thread opens, after making it when there is none, and answers for. */
export type WorkerTask = { directory: string; isMissing: boolean; optimize: boolean }

/** What the serving thread is asked for; it answers in the order of asking. */
export type Operation =
  | { kind: 'query'; text: string; parameters: unknown[] | undefined; rowMode: RowMode | undefined; place: Place }
  | { kind: 'exec'; text: string; place: Place }
  | { kind: 'listen'; channel: string; subscription: number }
  | { kind: 'unlisten'; subscription: number }
  | { kind: 'close' }

/** Where a statement stands; the first one of a transaction opens it, which saves the way there and back. */
export type Place = 'outside a transaction' | 'first of a transaction' | 'inside a transaction'
export type RowMode = 'array' | 'object'
export type Outcome = Results | Results[] | undefined

export type ToWorker = { id: number; operation: Operation }

export type FromWorker =
  | { kind: 'ready' }
  | { kind: 'failed'; reason: string }
  | { kind: 'outcome'; id: number; outcome: Outcome }
  | { kind: 'refusal'; id: number; refusal: Refusal }
  | { kind: 'notification'; subscription: number; payload: string }
  | { kind: 'log'; line: string }

/** The fields of a PostgreSQL error that cross over. Not the query and its parameters: they may hold secrets. */
export const REFUSAL_FIELDS = [
  'severity',
  'code',
  'detail',
  'hint',
  'position',
  'where',
  'schema',
  'table',
  'column',
  'dataType',
  'constraint',
  'routine',
] as const

export type Refusal = { message: string } & { [Field in (typeof REFUSAL_FIELDS)[number]]?: string }
