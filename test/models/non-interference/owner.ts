import { disableAccount } from '../../../src/accounts/account-status-store.ts'
import type { Message, Reply } from '../../support/http-connections.ts'
import { PASSWORD } from '../../support/service.ts'
import { lettersIn, tokenOf } from '../../support/sink-letters.ts'
import type { OwnerAct } from './steps.ts'
import type { World } from './worlds.ts'

const MINUTE = 60 // seconds
const DAY = 86_400 // seconds

/** What came of the owner's sign-up, and how many seconds ago that was. */
export type History = { age: number; state: 'unconfirmed' | 'confirmed' | 'disabled' }

/** What may be known of an address. No stranger should be able to tell any from the first. */
export const HISTORIES = {
  unknown: undefined,
  'unconfirmed for minutes': { age: 5 * MINUTE, state: 'unconfirmed' },
  'unconfirmed for days': { age: 3 * DAY, state: 'unconfirmed' },
  'confirmed for minutes': { age: 5 * MINUTE, state: 'confirmed' },
  'confirmed for 300 days': { age: 300 * DAY, state: 'confirmed' },
  'disabled for days': { age: 20 * DAY, state: 'disabled' },
} as const satisfies Record<string, History | undefined>
export type HistoryName = keyof typeof HISTORIES

const NETWORK = '198.51.100.7'

/** Who has the address, in the worlds in which anybody does: an honest person with a client of their own. */
export class Owner {
  readonly #world: World
  readonly #email: string
  #ticket: string | undefined
  #refreshToken: string | undefined
  #deviceToken: string | undefined

  private constructor(world: World, email: string) {
    this.#world = world
    this.#email = email
  }

  /** Leads the life of an owner up to now. */
  static async live(world: World, email: string, { age, state }: History): Promise<Owner> {
    const owner = new Owner(world, email)
    const { now } = world
    await world.setClock(now - 1_000 * age)
    const { status, text, body } = await owner.#signUp()
    if (status !== 201) throw new Error(`the owner's sign-up was answered ${status}: ${text}`)
    if (state !== 'unconfirmed') {
      const confirming = await owner.#confirm()
      if (confirming?.status !== 200) throw new Error(`the owner's confirmation was answered ${confirming?.text}`)
      await owner.#signIn()
      await owner.#refresh()
      if (state === 'disabled') await disableAccount(world.database, body.id)
    }
    await world.setClock(now)
    return owner
  }

  /** Whatever comes of it: of a disabled account, say. */
  async act(act: OwnerAct): Promise<void> {
    const does: Record<OwnerAct, () => Promise<unknown>> = {
      'signs in': () => this.#signIn(),
      refreshes: () => this.#refresh(),
      'signs out': () => this.#post('/oauth2/revoke', { form: { token: this.#refreshToken ?? '' } }),
      'asks for another email': () => this.#post('/v1/confirmation-letters', { json: { ticket: this.#ticket } }),
      confirms: () => this.#confirm(),
      'signs up again': () => this.#signUp(),
    }
    await does[act]()
    await this.#world.settle()
  }

  async #signUp(): Promise<Reply> {
    const reply = await this.#post('/v1/accounts', { json: { email: this.#email, password: PASSWORD } })
    this.#ticket = reply.body.confirmation?.ticket ?? this.#ticket
    await this.#world.settle()
    return reply
  }

  /** With the newest link in an email to the owner, as far as one was sent, and the password. */
  async #confirm(): Promise<Reply | undefined> {
    const emails = await lettersIn(this.#world.sink, this.#email)
    for (const email of emails.toReversed()) {
      if (!email.text.includes('/confirm?token=')) continue
      const json = { token: tokenOf(email), ticket: this.#ticket }
      const reply = await this.#post('/v1/confirmations', { json })
      if (reply.status === 200) return reply
    }
    return undefined
  }

  async #signIn(): Promise<void> {
    const { body } = await this.#post('/v1/sessions', {
      json: { email: this.#email, password: PASSWORD, ...(this.#deviceToken && { device_token: this.#deviceToken }) },
    })
    this.#refreshToken = body.refresh_token ?? this.#refreshToken
    this.#deviceToken = body.device_token ?? this.#deviceToken
  }

  async #refresh(): Promise<void> {
    const form = { grant_type: 'refresh_token', refresh_token: this.#refreshToken ?? '' }
    const { body } = await this.#post('/oauth2/token', { form })
    this.#refreshToken = body.refresh_token ?? this.#refreshToken
  }

  #post(path: string, message: Message): Promise<Reply> {
    return this.#world.http.post(this.#world.url + path, { ...message, headers: { 'x-forwarded-for': NETWORK } })
  }
}
