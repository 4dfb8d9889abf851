import { AdminError } from './admin/errors.ts'
import type { AdminDeps } from './admin/operation.ts'
import { performOperation } from './admin/operations.ts'
import type { ControlError } from './control-socket/protocol.ts'
import { type ControlOptions, listenForOperators } from './control-socket/server.ts'
import { OperatorError } from './operator-error.ts'

export type ControlContext = Pick<ControlOptions, 'dataDirectory' | 'logger' | 'onMissedDeadline'>

/**
 * Lets commands reach the embedded database, which this process has locked. Where that cannot be, the service runs
 * without, and says so.
 */
export async function openControl(
  deps: AdminDeps,
  { dataDirectory, logger, onMissedDeadline }: ControlContext,
): Promise<{ close(): Promise<void> } | undefined> {
  try {
    return await listenForOperators({
      dataDirectory,
      perform: (operation, args) => performOperation(deps, operation, args),
      describe,
      onMissedDeadline,
      logger,
    })
  } catch (error) {
    logger.warn({ err: error }, 'commands cannot reach this process while it runs')
    return undefined
  }
}

function describe(error: unknown): ControlError {
  if (error instanceof AdminError) return { code: error.code, ids: error.ids, ...error.fault }
  if (error instanceof OperatorError) return { code: 'failed', ...error.fault }
  return {
    code: 'failed',
    needed: 'that the running service performs the operation',
    found: (error as Error).message,
    remedy: 'look at its log, and at /readyz, then repeat the command',
  }
}
