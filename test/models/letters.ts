import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { uuidOf } from '../../src/secrets/bearer-secret.ts'
import type { AccountModel } from './history.ts'
import type { World } from './world.ts'

const LONGEST = 40_000 // milliseconds: a worker that was killed is noticed after some 10 seconds

/** Waits until the letter of a sign-up was sent. Where the address had an account, it holds no link. */
export async function receiveLetter(account: AccountModel, { database, linksTo }: World): Promise<void> {
  for (const deadline = Date.now() + LONGEST; ; await pause(2)) {
    const { rows } = await sql<{ id: string; expiresAt: Date }>`
      select id, expires_at as "expiresAt" from confirmation_letter
      where account_id = ${account.id} and sign_up and sent_at is not null`.execute(database)
    const [letter] = rows
    if (letter) {
      const token = (await linksTo(account.email)).find(link => letterOf(link) === letter.id)
      account.letter = token === undefined ? undefined : { token, expiresAt: letter.expiresAt.getTime() }
      return
    }
    if (Date.now() > deadline) throw new Error(`no letter to ${account.email} was sent in ${LONGEST / 1_000} s`)
  }
}

function letterOf(token: string): string {
  return uuidOf(Buffer.from(token.split('.')[1]!, 'base64url').subarray(0, 16))
}
