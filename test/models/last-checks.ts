import assert from 'node:assert/strict'
import { confirm, judgeConfirmation } from './account-commands.ts'
import { summary } from './command.ts'
import type { History } from './history.ts'
import { refresh, show } from './session-commands.ts'
import { LIFETIMES } from './session-model.ts'
import { advance } from './time-commands.ts'
import type { World } from './world.ts'

/** What has to be true wherever a history ends. */
export async function assertLastThings(history: History, world: World): Promise<void> {
  await assertOvertakenSignUpsAreDead(history, world)
  for (const { status, sessions } of history.accounts)
    if (status === 'disabled')
      for (const session of sessions)
        for (const token of session.tokens.slice(-3)) await show(history, world, session, token)
  await assertThievesAreFound(history, world)
}

async function assertOvertakenSignUpsAreDead(history: History, world: World): Promise<void> {
  for (const account of history.accounts) {
    const winner = history.confirmedOf(account.email)
    if (!winner || winner === account || !account.letter || !account.ticket) continue
    const reply = await confirm(world, account, { ticket: account.ticket })
    assert.equal(summary(reply), '409 confirmation_superseded')
    judgeConfirmation(history, account, true, reply)
  }
}

/** Thief and owner go on in turns, each with what they got last, beyond the grace. Neither the model nor luck helps. */
async function assertThievesAreFound(history: History, world: World): Promise<void> {
  const stolen = history.sessions.filter(({ copy }) => copy)
  if (stolen.length === 0) return
  const held = stolen.map(({ copy, honest }) => [copy!, honest])
  for (const party of [0, 1, 0, 1]) {
    await advance(history, world, 2 * LIFETIMES.grace + 1)
    for (const tokens of held) {
      const { status, body } = await refresh(world, tokens[party]!)
      if (status === 200) tokens[party] = body.refresh_token
    }
  }
  for (const [copy, honest] of held)
    for (const token of [copy!, honest!])
      assert.equal((await refresh(world, token)).status, 400, 'thief and owner cannot both go on')
}
