import assert from 'node:assert/strict'
import fc from 'fast-check'
import { disableAccount } from '../../src/accounts/account-status-store.ts'
import type { Reply } from '../support/http-connections.ts'
import { type Command, command, summary } from './command.ts'
import { type AccountModel, type History, PASSWORDS, pick } from './history.ts'
import { SessionModel } from './session-model.ts'
import { receiveLetter, type World } from './world.ts'

const number = fc.nat({ max: 11 })

export function accountCommands(): fc.Arbitrary<Command>[] {
  const pair = fc.tuple(number, number)
  return [
    pair.map(([address, word]) => signUp(address, word)),
    pair.map(([address, word]) => signUp(address, word)),
    number.map(account => confirmByTicket(account, account)),
    number.map(account => confirmByTicket(account, account)),
    pair.map(([account, other]) => confirmByTicket(account, other)),
    pair.map(([account, word]) => confirmByPassword(account, word)),
    number.map(confirmTwiceAtOnce),
    number.map(confirmByForgedToken),
    number.map(readStatus),
    pair.map(([address, word]) => signIn(address, word)),
    number.map(signInRightly),
    number.map(signInRightly),
    number.map(disable),
  ]
}

/** What most people do first. */
export function signedInAtTheStart(): Command[] {
  return [signUp(0, 0), confirmByTicket(0, 0), signInRightly(0)]
}

const lettered = ({ accounts }: History): AccountModel[] => accounts.filter(({ letter }) => letter)
const ticketed = ({ accounts }: History): AccountModel[] => accounts.filter(({ ticket }) => ticket)

function signUp(address: number, word: number): Command {
  return command(
    `SignUp(${address},${word})`,
    history => history.maySignUp(pick(history.addresses, address)),
    async (history, world) => {
      const [email, password] = [pick(history.addresses, address), pick(PASSWORDS, word)]
      const reply = await world.http.post(`${world.url}/v1/accounts`, { json: { email, password } })
      assert.equal(summary(reply), '201', 'every sign-up is answered alike')
      const account = signedUp(reply.body.id, email, password, reply.body.confirmation.ticket)
      await receiveLetter(account, world)
      const isKnown = history.confirmedOf(email) !== undefined
      assert.equal(account.letter === undefined, isKnown, 'a letter to a confirmed address holds no link, others do')
      history.accounts.push(account)
    },
  )
}

export function signedUp(id: string, email: string, password: string, ticket: string | undefined): AccountModel {
  return {
    id,
    email,
    password,
    ticket,
    letter: undefined,
    status: 'unconfirmed',
    confirmation: undefined,
    sessions: [],
  }
}

/** With the letter of one sign-up and the ticket of another, or of the same. */
function confirmByTicket(number: number, other: number): Command {
  return command(
    `ConfirmByTicket(${number},${other})`,
    history => lettered(history).length > 0 && ticketed(history).length > 0,
    async (history, world) => {
      const account = pick(lettered(history), number)
      const owner = number === other && account.ticket ? account : pick(ticketed(history), other)
      judgeConfirmation(history, account, owner === account, await confirm(world, account, { ticket: owner.ticket }))
    },
  )
}

function confirmByPassword(number: number, word: number): Command {
  return command(
    `ConfirmByPassword(${number},${word})`,
    history => lettered(history).length > 0 && history.mayFail(pick(lettered(history), number).email),
    async (history, world) => {
      const [account, password] = [pick(lettered(history), number), pick(PASSWORDS, word)]
      if (password !== account.password) history.failed(account.email)
      const reply = await confirm(world, account, { password })
      judgeConfirmation(history, account, password === account.password, reply)
    },
  )
}

function confirmTwiceAtOnce(number: number): Command {
  return command(
    `ConfirmTwiceAtOnce(${number})`,
    history => lettered(history).some(({ ticket }) => ticket),
    async (history, world) => {
      const account = pick(
        lettered(history).filter(({ ticket }) => ticket),
        number,
      )
      const proof = { ticket: account.ticket }
      const replies = await Promise.all([confirm(world, account, proof), confirm(world, account, proof)])
      for (const reply of replies) judgeConfirmation(history, account, true, reply)
    },
  )
}

function confirmByForgedToken(number: number): Command {
  return command(
    `ConfirmByForgedToken(${number})`,
    history => lettered(history).length > 0,
    async (history, world) => {
      const { letter, ticket } = pick(lettered(history), number)
      const token = letter!.token.replace(/.$/, last => (last === 'A' ? 'B' : 'A'))
      const reply = await world.http.post(`${world.url}/v1/confirmations`, { json: { token, ticket } })
      assert.equal(summary(reply), '404 confirmation_unknown')
    },
  )
}

type Proof = { ticket?: string | undefined; password?: string }

export function confirm({ http, url }: World, { letter }: AccountModel, proof: Proof): Promise<Reply> {
  return http.post(`${url}/v1/confirmations`, { json: { token: letter!.token, ...proof } })
}

export function judgeConfirmation(history: History, account: AccountModel, isProven: boolean, reply: Reply): void {
  assert.equal(summary(reply), history.confirming(account, isProven))
  assert.equal(reply.headers['set-cookie'], undefined, 'confirming signs nobody in')
  if (reply.status !== 200) return
  assert.deepEqual(Object.keys(reply.body), ['account_id', 'email', 'status', 'confirmed_at'], 'nor gives a token')
  account.confirmation ??= reply.text
  assert.equal(reply.text, account.confirmation, 'confirming again gives the same answer')
  if (account.status === 'unconfirmed') account.status = 'active'
}

function readStatus(number: number): Command {
  return command(
    `ReadStatus(${number})`,
    history => ticketed(history).length > 0,
    async (history, { http, url }) => {
      const account = pick(ticketed(history), number)
      const reply = await http.get(`${url}/v1/confirmation`, { authorization: `Bearer ${account.ticket}` })
      // A letter without a link expires as one with a link would.
      if (account.letter || account.status !== 'unconfirmed') assert.equal(reply.body.state, history.statusOf(account))
      else assert.match(reply.body.state, /^(sent|expired)$/)
    },
  )
}

function signIn(address: number, word: number): Command {
  return command(
    `SignIn(${address},${word})`,
    history => history.mayFail(pick(history.addresses, address)),
    (history, world) => trySigningIn(history, world, pick(history.addresses, address), pick(PASSWORDS, word)),
  )
}

/** With the password of a sign-up, which is the right one only if that was confirmed. */
function signInRightly(number: number): Command {
  return command(
    `SignInRightly(${number})`,
    history => history.accounts.length > 0 && history.mayFail(pick(history.accounts, number).email),
    (history, world) => {
      const { email, password } = pick(history.accounts, number)
      return trySigningIn(history, world, email, password)
    },
  )
}

async function trySigningIn(history: History, { http, url }: World, email: string, password: string): Promise<void> {
  const expected = history.signingIn(email, password)
  if (expected.startsWith('401')) history.failed(email)
  const reply = await http.post(`${url}/v1/sessions`, { json: { email, password } })
  assert.equal(summary(reply), expected)
  const account = history.confirmedOf(email)
  if (reply.status === 201) account!.sessions.push(new SessionModel(reply.body.refresh_token, history.now))
}

function disable(number: number): Command {
  return command(
    `Disable(${number})`,
    history => history.accounts.length > 0,
    async (history, { database }) => {
      const account = pick(history.accounts, number)
      assert.equal(await disableAccount(database, account.id), account.status === 'active')
      if (account.status !== 'active') return
      account.status = 'disabled'
      for (const session of account.sessions) session.end()
    },
  )
}
