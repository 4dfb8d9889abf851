import { setTimeout as pause } from 'node:timers/promises'
import { type Answer, newAddress, PASSWORD, send } from '../../support/service.ts'
import type { Operation } from './event.ts'
import type { History } from './history.ts'
import type { Mail } from './mail.ts'

/** One who does one thing after another. */
export type Client = {
  /** Does the next thing. @returns whether there was something to do and it was answered */
  act(url: string): Promise<boolean>
}

/** The time between a start of the service and its end. */
export type Life = { url: string; isOver: boolean }

const BETWEEN_TRIES = 20 // milliseconds
const STAYS_FOR = 30 // exchanges

/** Lets clients act, all at once, until the life is over. What they are in the middle of, they go on with in the next. */
export async function actThrough(life: Life, clients: readonly Client[], onAnswer = () => {}): Promise<void> {
  await Promise.all(
    clients.map(async client => {
      while (!life.isOver)
        if (await client.act(life.url)) onAnswer()
        else await pause(BETWEEN_TRIES)
    }),
  )
}

/** Signs up with a fresh address each time. */
export function newcomers(history: History): Client {
  return { act: async url => (await signUp(history, url, newAddress('newcomer')))?.status === 201 }
}

function signUp(history: History, url: string, email: string): Promise<Answer | undefined> {
  return history.request({ operation: 'sign up', email }, signal =>
    send(`${url}/v1/accounts`, { json: { email, password: PASSWORD }, signal }),
  )
}

/**
 * Signs up, confirms, signs in and exchanges refresh tokens for a while, then begins anew with another address.
 *
 * Keeps to the rules: what was not answered is repeated with the same token, except for a sign-up.
 */
export class Regular implements Client {
  readonly #history: History
  readonly #mail: Mail
  #email = ''
  #ticket: string | undefined
  #isConfirmed = false
  #refreshToken: string | undefined
  #isLeaving = false
  /** Exchanges of all its sessions, each with what the one before gave. */
  exchanges = 0

  constructor(history: History, mail: Mail) {
    this.#history = history
    this.#mail = mail
  }

  async act(url: string): Promise<boolean> {
    if (this.#isLeaving) this.#leave()
    if (!this.#ticket) return this.#signUp(url)
    if (!this.#isConfirmed) return this.#confirm(url)
    if (!this.#refreshToken) return this.#signIn(url)
    return this.#refresh(url)
  }

  #leave(): void {
    this.#ticket = this.#refreshToken = undefined
    this.#isConfirmed = false
    this.#isLeaving = false
  }

  async #signUp(url: string): Promise<boolean> {
    this.#email = newAddress('regular')
    const answer = await signUp(this.#history, url, this.#email)
    this.#ticket = answer?.body.confirmation?.ticket
    return this.#ticket !== undefined
  }

  async #confirm(url: string): Promise<boolean> {
    const token = (await this.#mail.letterTo(this.#email))?.token
    if (!token) return false
    const json = { token, ticket: this.#ticket }
    const answer = await this.#request('confirm', signal => send(`${url}/v1/confirmations`, { json, signal }))
    this.#isConfirmed = answer?.status === 200
    return this.#isConfirmed
  }

  async #signIn(url: string): Promise<boolean> {
    const json = { email: this.#email, password: PASSWORD }
    const answer = await this.#request('sign in', signal => send(`${url}/v1/sessions`, { json, signal }))
    this.#refreshToken = answer?.body.refresh_token
    return this.#refreshToken !== undefined
  }

  async #refresh(url: string): Promise<boolean> {
    const form = { grant_type: 'refresh_token', refresh_token: this.#refreshToken! }
    const answer = await this.#request('refresh', signal => send(`${url}/oauth2/token`, { form, signal }))
    await pause(BETWEEN_TRIES) // as nobody exchanges tokens without a break
    if (answer?.status !== 200) return false
    this.#refreshToken = answer.body.refresh_token
    this.exchanges += 1
    this.#isLeaving = this.exchanges % STAYS_FOR === 0
    return true
  }

  async #request(operation: Operation, ask: (signal: AbortSignal) => Promise<Answer>): Promise<Answer | undefined> {
    const answer = await this.#history.request({ operation, email: this.#email }, ask)
    if (answer && answer.status >= 400) this.#isLeaving = true // what is refused once would be refused for ever
    return answer
  }
}
