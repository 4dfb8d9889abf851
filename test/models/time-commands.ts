import fc from 'fast-check'
import { type Command, command } from './command.ts'
import type { History } from './history.ts'
import { LIFETIMES } from './session-model.ts'
import type { World } from './world.ts'

const { grace, accessToken, idle, session, confirmation } = LIFETIMES

/** Jumps of the clock, in seconds: below, to and beyond each lifetime. */
const SHORT = [1, 7, grace - 1, grace, grace + 1, 2 * grace, 2 * grace + 1]
const LONG = [accessToken - 1, accessToken, idle - 1, idle, confirmation, session]

export function timeCommands(): fc.Arbitrary<Command>[] {
  const short = fc.constantFrom(...SHORT).map(jump)
  return [...Array(6).fill(short), fc.constantFrom(...LONG).map(jump)]
}

function jump(seconds: number): Command {
  return command(
    `Jump(${seconds} s)`,
    () => true,
    (history, world) => advance(history, world, seconds),
  )
}

export async function advance(history: History, world: World, seconds: number): Promise<void> {
  history.now += seconds * 1_000
  await world.setClock(history.now)
}
