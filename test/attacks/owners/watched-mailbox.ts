import { sql } from 'kysely'
import type { World } from '../../models/non-interference/worlds.ts'

/** An email as the mail server took it. */
export type Arrived = { minute: number; to: string; account: string; isOfSignUp: boolean; raw: string }

const DAY = 24 * 60 // minutes

/** What has come to a mailbox, and when, by the clock of the world. */
export class WatchedMailbox {
  readonly emails: Arrived[] = []
  readonly #world: World
  #read = 0

  constructor(world: World) {
    this.#world = world
  }

  /** Reads what has come since it was read last. */
  async read(minute: number): Promise<void> {
    const letters = this.#world.sink.letters.slice(this.#read)
    this.#read += letters.length
    for (const { to, raw } of letters) {
      const id = /^message-id: <([0-9a-f-]{36})\./im.exec(raw)?.[1]
      const { rows } = await sql<{ account: string; isOfSignUp: boolean }>`
        select account_id as account, sign_up as "isOfSignUp" from confirmation_letter where id = ${id}`.execute(
        this.#world.database,
      )
      this.emails.push({ minute, to: to[0]!, raw, ...rows[0]! })
    }
  }

  /** Whether an email came that many minutes before. */
  cameBefore(distances: readonly number[], minute: number): boolean {
    return this.emails.some(email => distances.includes(minute - email.minute))
  }

  /** How many came within a day at the most. @param to the address; all without */
  mostInADay(to?: string): number {
    const minutes = this.emails.filter(email => to === undefined || email.to === to).map(({ minute }) => minute)
    return Math.max(0, ...minutes.map(end => minutes.filter(at => at > end - DAY && at <= end).length))
  }
}
