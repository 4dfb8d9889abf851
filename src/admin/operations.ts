import {
  accountsDelete,
  accountsDisable,
  accountsEnable,
  accountsList,
  accountsShow,
  accountsUnblock,
} from './accounts.ts'
import { AdminError } from './errors.ts'
import { eventsCount, eventsList } from './events.ts'
import type { AdminDeps, Operation } from './operation.ts'
import { secretsStatus } from './secret-keys.ts'
import { sessionsEnd, sessionsEndOfAccount, sessionsEndOfEveryone, sessionsList } from './sessions.ts'
import { keysList, keysRotate } from './signing-keys.ts'

/** Everything that an operator can ask for, by the name that it has between processes. */
export const OPERATIONS = {
  'accounts.list': accountsList,
  'accounts.show': accountsShow,
  'accounts.disable': accountsDisable,
  'accounts.enable': accountsEnable,
  'accounts.delete': accountsDelete,
  'accounts.unblock': accountsUnblock,
  'sessions.list': sessionsList,
  'sessions.end': sessionsEnd,
  'sessions.end_of_account': sessionsEndOfAccount,
  'sessions.end_of_everyone': sessionsEndOfEveryone,
  'events.list': eventsList,
  'events.count': eventsCount,
  'keys.list': keysList,
  'keys.rotate': keysRotate,
  'secrets.status': secretsStatus,
}

export type OperationName = keyof typeof OPERATIONS
type Of<Name extends OperationName> =
  (typeof OPERATIONS)[Name] extends Operation<infer Arguments, infer Result> ? [Arguments, Result] : never
export type ArgumentsOf<Name extends OperationName> = Of<Name>[0]
export type ResultOf<Name extends OperationName> = Of<Name>[1]

/**
 * Performs the operation of that name. Both come from outside, and are checked.
 * @throws AdminError
 */
export async function performOperation(deps: AdminDeps, name: string, args: unknown): Promise<unknown> {
  if (!Object.hasOwn(OPERATIONS, name))
    throw new AdminError('invalid_argument', {
      needed: `one of the operations ${Object.keys(OPERATIONS).join(', ')}`,
      found: JSON.stringify(name.slice(0, 100)),
      remedy: 'run the command from the same release as the service',
    })
  // The compiler cannot know which operation it is; each checks its own arguments.
  const { parse, perform } = OPERATIONS[name as OperationName] as Operation<unknown, unknown>
  return perform(deps, parse(args))
}
