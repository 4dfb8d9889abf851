import type fc from 'fast-check'
import type { Reply } from '../support/http-connections.ts'
import type { History } from './history.ts'
import { assertInvariants } from './invariants.ts'
import type { World } from './world.ts'

export type Command = fc.AsyncCommand<History, World>

/** A step of a history, after which the invariants are looked at. @param makesSense whether it can be taken now */
export function command(
  name: string,
  makesSense: (history: History) => boolean,
  run: (history: History, world: World) => Promise<void>,
): Command {
  return {
    check: history => makesSense(history),
    async run(history, world) {
      history.steps += 1
      await run(history, world)
      await assertInvariants(history, world)
    },
    toString: () => name,
  }
}

/** An answer in short, such as `409 confirmation_superseded`. */
export function summary({ status, body }: Reply): string {
  const detail = body?.code ?? body?.reason ?? body?.error ?? (status === 200 ? body?.status : undefined)
  return detail === undefined ? String(status) : `${status} ${detail}`
}
