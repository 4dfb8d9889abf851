import { setTimeout as pause } from 'node:timers/promises'
import type { Mailer, OutgoingLetter } from '../../email/mailer.ts'
import { isUnavailable } from '../../storage/unavailable.ts'

const MOST = 10_000 // emails
const RECORDED_WITHIN = 5_000 // milliseconds
const RECORDED_AGAIN_AFTER = 250 // milliseconds

/**
 * Emails that the mail server accepted and the database has not recorded, by their Message-IDs. Their messages come again;
 * then only the record is made. Beyond {@link MOST} the oldest is forgotten, and goes out once more if its message comes
 * again here. Those whose record another process made stay until then.
 */
export class UnrecordedEmails {
  readonly #most: number
  readonly #messageIds = new Set<string>()

  constructor(most = MOST) {
    this.#most = most
  }

  /**
   * Sends an email, unless the mail server accepted it before, and records that. While the database is away, recording is
   * tried again for a moment, since another process may take the message next, and that one would send it.
   *
   * @throws MailError when the mail server did not accept it
   */
  async send(mailer: Mailer, email: OutgoingLetter, record: () => Promise<void>): Promise<void> {
    const { messageId } = email
    if (this.#messageIds.has(messageId)) return this.#settle(messageId, record)
    await mailer.send(email, () => this.#settle(messageId, record))
  }

  async #settle(messageId: string, record: () => Promise<void>): Promise<void> {
    this.#remember(messageId)
    await patiently(record)
    this.#messageIds.delete(messageId)
  }

  #remember(messageId: string): void {
    this.#messageIds.delete(messageId) // a set keeps the order of insertion
    this.#messageIds.add(messageId)
    const [oldest] = this.#messageIds
    if (oldest !== undefined && this.#messageIds.size > this.#most) this.#messageIds.delete(oldest)
  }
}

async function patiently(record: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + RECORDED_WITHIN
  for (;;)
    try {
      return await record()
    } catch (error) {
      if (!isUnavailable(error) || performance.now() > deadline) throw error
      await pause(RECORDED_AGAIN_AFTER)
    }
}
