import type { KeyRing } from '../secrets/key-ring.ts'
import type { SecretKeyUse } from '../secrets/secret-key-check.ts'
import type { Database } from '../storage/database.ts'
import type { SigningKeys } from '../tokens/signing-keys.ts'
import { AdminError } from './errors.ts'

/** What operations need. */
export type AdminDeps = {
  database: Database
  secretKeys: KeyRing
  /** What needs a secret key. */
  secretKeyUses: readonly SecretKeyUse[]
  /** The keys that sign access tokens, to be rotated; in a running service, those that it signs with. */
  signingKeys: () => Promise<SigningKeys>
}

type Kinds = { string: string; 'string?': string | undefined; boolean: boolean; integer: number }
type Shape = Record<string, keyof Kinds>
type ArgumentsOf<Of extends Shape> = {
  [Name in keyof Of as Of[Name] extends 'string?' ? never : Name]: Kinds[Of[Name]]
} & { [Name in keyof Of as Of[Name] extends 'string?' ? Name : never]?: Kinds[Of[Name]] }

/** Something that an operator can ask for. Its arguments and its result are what JSON can hold. */
export type Operation<Arguments, Result> = {
  /** @throws AdminError `invalid_argument` */
  parse(args: unknown): Arguments
  perform(deps: AdminDeps, args: Arguments): Promise<Result>
}

const OF_KIND: Record<keyof Kinds, (value: unknown) => boolean> = {
  string: value => typeof value === 'string',
  'string?': value => value === undefined || typeof value === 'string',
  boolean: value => typeof value === 'boolean',
  integer: value => Number.isSafeInteger(value),
}

/**
 * @param shape the name and the kind of each argument; they arrive from other processes too, maybe of other versions
 */
export function operation<const Of extends Shape, Result>(
  shape: Of,
  perform: (deps: AdminDeps, args: ArgumentsOf<Of>) => Promise<Result>,
): Operation<ArgumentsOf<Of>, Result> {
  const parse = (args: unknown) => {
    const given = (typeof args === 'object' && args !== null ? args : {}) as Record<string, unknown>
    for (const name of Object.keys(given)) if (!Object.hasOwn(shape, name)) throw wrongArgument(name, 'is unknown')
    for (const [name, kind] of Object.entries(shape))
      if (!OF_KIND[kind](given[name])) throw wrongArgument(name, `is no ${kind}`)
    return given as ArgumentsOf<Of>
  }
  return { parse, perform }
}

const wrongArgument = (name: string, problem: string) =>
  new AdminError('invalid_argument', {
    needed: 'the arguments that this operation takes',
    found: `"${name}", which ${problem}`,
    remedy: 'run the command from the same release as the service',
  })
