import { simpleParser } from 'mailparser'
import type { World } from '../../models/non-interference/worlds.ts'
import type { Reply } from '../../support/http-connections.ts'
import { PASSWORD, tokenIn } from '../../support/service.ts'
import { DAY, type Deed, type HostileDay } from './hostile-sign-ups.ts'
import { WatchedMailbox } from './watched-mailbox.ts'

/** What came of a sign-up of the owner within an hour. */
type Wait = {
  isServed: boolean
  /** Sign-ups that came after it, from networks that had had no email. */
  newer: number
  isNewerServed: boolean
}

export type Outcome = {
  hostile: number
  waits: Wait[]
  /** Whether the owner's link confirmed; undefined if none came. */
  confirmed: boolean | undefined
  toAddress: number
  toMailbox: number
}

type SignUp = { account: string; ticket: string; network: number; minute: number; hadEmail: boolean }

const MINUTE = 60_000 // milliseconds
const PLACES_LAST = [61, DAY + 1] // minutes after an email, at the latest, when the limits may release another in its place
const PATIENCE = 61 // minutes: an hour, and until held emails are looked at, which the service does each minute
const OWNER = 250 // the number of the owner's network
const LAST = DAY + 2 * PATIENCE

/** One day of an address. */
export class FloodedAddress {
  readonly #world: World
  readonly #index: number
  readonly #day: HostileDay
  readonly #mailbox: WatchedMailbox
  readonly #signUps: SignUp[] = []
  readonly #waits: Wait[] = []
  #start = 0
  #ownersTurn: number

  constructor(world: World, index: number, day: HostileDay) {
    this.#world = world
    this.#index = index
    this.#day = day
    this.#ownersTurn = day.ownerAt
    this.#mailbox = new WatchedMailbox(world)
  }

  async live(): Promise<Outcome> {
    const { deeds } = this.#day
    await this.#world.clear()
    this.#start = Math.ceil(Date.now() / MINUTE) * MINUTE
    for (let minute = 0; minute <= LAST; minute++) {
      const due = deeds.filter(deed => deed.minute === minute)
      const isOwnersTurn = minute === this.#ownersTurn
      if (due.length === 0 && !isOwnersTurn && !this.#mailbox.cameBefore(PLACES_LAST, minute)) continue
      await this.#passTo(minute)
      if (isOwnersTurn) await this.#takeOwnersTurn(minute)
      for (const deed of due) await this.#do(deed)
      await this.#world.settle()
      await this.#mailbox.read(minute)
    }
    return {
      hostile: this.#signUps.length - this.#owners.length,
      waits: this.#waits,
      confirmed: await this.#confirms(),
      toAddress: this.#mailbox.mostInADay(this.#address()),
      toMailbox: this.#mailbox.mostInADay(),
    }
  }

  /** The emails that are held are released, before anything else is done at the minute. */
  async #passTo(minute: number): Promise<void> {
    await this.#world.pass((this.#start + minute * MINUTE - this.#world.now) / 1_000)
    await this.#mailbox.read(minute)
  }

  /** Judges the wait of an hour that is over, or signs up: once more where no email came. */
  async #takeOwnersTurn(minute: number): Promise<void> {
    const own = this.#owners.at(-1)
    if (own && this.#waits.length < this.#owners.length) {
      this.#waits.push(this.#waitSince(own))
      this.#ownersTurn = minute + this.#day.againAfter
      if (this.#ownersTurn > minute) return
    }
    if (this.#ownEmail() || minute + PATIENCE > LAST) return
    await this.#signUp(OWNER, this.#address(), minute)
    this.#ownersTurn = minute + PATIENCE
  }

  #waitSince(own: SignUp): Wait {
    const newer = this.#signUps.slice(this.#signUps.indexOf(own) + 1).filter(({ hadEmail }) => !hadEmail)
    const isServed = (networks: number[]) =>
      this.#mailbox.emails.some(
        ({ account, minute }) => minute >= own.minute && networks.includes(this.#networkOf(account) ?? -1),
      )
    return {
      isServed: isServed([OWNER]),
      newer: newer.length,
      isNewerServed: isServed(newer.map(({ network }) => network)),
    }
  }

  async #do(deed: Deed): Promise<void> {
    const { minute, network } = deed
    if (deed.does === 'signs up') return this.#signUp(network, this.#address(deed.tag), minute)
    const ticket = this.#signUps.find(signUp => signUp.network === network)?.ticket
    if (deed.does === 'asks by ticket' && !ticket) return
    const json = deed.does === 'asks by ticket' ? { ticket } : { email: this.#address() }
    await this.#post('/v1/confirmation-letters', network, json)
  }

  async #signUp(network: number, email: string, minute: number): Promise<void> {
    await this.#world.setClock(this.#world.now + 1_000) // no two sign-ups are equally new
    const hadEmail = this.#mailbox.emails.some(({ account }) => this.#networkOf(account) === network)
    const { status, body, text } = await this.#post('/v1/accounts', network, { email, password: PASSWORD })
    if (status !== 201) throw new Error(`a sign-up was answered ${status}: ${text}`)
    this.#signUps.push({ account: body.id, ticket: body.confirmation.ticket, network, minute, hadEmail })
  }

  /** Whether the link in the owner's email confirms; undefined without one. */
  async #confirms(): Promise<boolean | undefined> {
    const email = this.#ownEmail()
    if (!email) return undefined
    const { ticket } = this.#owners.find(({ account }) => account === email.account)!
    const { text = '' } = await simpleParser(email.raw)
    const { status } = await this.#post('/v1/confirmations', OWNER, { token: tokenIn({ text }), ticket })
    return status === 200
  }

  get #owners(): SignUp[] {
    return this.#signUps.filter(({ network }) => network === OWNER)
  }

  #ownEmail() {
    return this.#mailbox.emails.find(email => email.isOfSignUp && this.#networkOf(email.account) === OWNER)
  }

  #networkOf(account: string): number | undefined {
    return this.#signUps.find(signUp => signUp.account === account)?.network
  }

  #address(tag?: string): string {
    return `owner.${this.#index}${tag ? `+${tag}` : ''}@example.com`
  }

  #post(path: string, network: number, json: object): Promise<Reply> {
    const from = `10.${this.#index >> 8}.${this.#index & 255}.${network}`
    return this.#world.http.post(this.#world.url + path, { json, headers: { 'x-forwarded-for': from } })
  }
}
