import type { World } from '../../models/non-interference/worlds.ts'
import type { Reply } from '../../support/http-connections.ts'
import { PASSWORD } from '../../support/service.ts'
import { lettersIn } from '../../support/sink-letters.ts'

const DAY = 86_400_000 // milliseconds
const A_DAY = 4 // emails
const NEXT_REQUEST = 61 // seconds: one in a minute asks for an email

/** An owner who signs in on one new device after the other, each on a network of its own. */
export class NewDevices {
  /** How many were let in at once, by a link, and not at all. */
  open = 0
  byLink = 0
  shut = 0
  /** When emails with a link came, as far as they were read; by the clock of the world. */
  readonly emails: number[] = []
  readonly #world: World
  readonly #email: string
  readonly #usedTokens = new Set<string>()
  readonly #usedAt: number[] = []

  constructor(world: World, email: string) {
    this.#world = world
    this.#email = email
  }

  async signInOnNewOne(): Promise<void> {
    const network = `10.3.0.${1 + this.open + this.byLink + this.shut}`
    for (let time = 1; time <= 2; time++) {
      const { status, text } = await this.#signIn(network)
      const hasNoLink = time > 1 && this.emails.length === 0 // the block ended, but no email ever came
      if (status === 201) return void (hasNoLink ? this.shut++ : this.open++)
      if (status !== 429) throw new Error(`the owner's sign-in was answered ${status}: ${text}`)
      await this.#world.settle()
      const deviceToken = await this.#deviceTokenByLink(network)
      if (deviceToken && (await this.#signIn(network, deviceToken)).status === 201) return void this.byLink++
      await this.#world.pass(NEXT_REQUEST)
    }
    this.shut++
  }

  /** Notes the emails that have come by now. */
  readEmails(): void {
    const links = this.#world.sink.letters.filter(({ to, raw }) => to.includes(this.#email) && raw.includes('/device?'))
    while (this.emails.length < links.length) this.emails.push(this.#world.now)
  }

  /** How many emails came when a day had brought all that it may. */
  emailsBeyondBound(): number {
    const inDayBefore = (times: number[], end: number) => times.filter(at => at > end - DAY && at <= end).length
    return this.emails.filter(end => inDayBefore(this.emails, end) > A_DAY + inDayBefore(this.#usedAt, end)).length
  }

  /** Uses the newest link that was not used yet; undefined when there is none that is good. */
  async #deviceTokenByLink(network: string): Promise<string | undefined> {
    this.readEmails()
    const letters = await lettersIn(this.#world.sink, this.#email)
    const tokens = letters
      .map(({ text }) => /\/device\?token=(\S+)/.exec(text)?.[1])
      .filter(token => token !== undefined)
    const token = tokens.findLast(token => !this.#usedTokens.has(token))
    if (!token) return undefined
    const { status, body } = await this.#post('/v1/device-tokens', network, { token })
    if (status !== 201) return undefined
    this.#usedTokens.add(token)
    this.#usedAt.push(this.#world.now)
    return body.device_token
  }

  #signIn(network: string, deviceToken?: string): Promise<Reply> {
    const json = { email: this.#email, password: PASSWORD, ...(deviceToken && { device_token: deviceToken }) }
    return this.#post('/v1/sessions', network, json)
  }

  #post(path: string, network: string, json: object): Promise<Reply> {
    return this.#world.http.post(this.#world.url + path, { json, headers: { 'x-forwarded-for': network } })
  }
}
