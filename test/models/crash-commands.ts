import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import fc from 'fast-check'
import { sql } from 'kysely'
import type { Reply } from '../support/http-connections.ts'
import { confirm, judgeConfirmation, signedUp } from './account-commands.ts'
import { type Command, command } from './command.ts'
import { type History, PASSWORDS, pick } from './history.ts'
import { judge, refresh, rowOf } from './session-commands.ts'
import { receiveLetter, type World } from './world.ts'

const MOST_CRASHES = 2 // in a history
const number = fc.nat({ max: 11 })
const delay = fc.nat({ max: 25 }) // milliseconds; a refresh takes some 3, a sign-up 30

export function crashCommands(): fc.Arbitrary<Command>[] {
  return [
    delay.map(crash),
    fc.tuple(number, delay).map(([session, after]) => crashInRefresh(session, after % 6)),
    fc.tuple(number, delay).map(([session, after]) => crashInSignOut(session, after % 6)),
    fc.tuple(number, delay).map(([account, after]) => crashInConfirmation(account, after % 9)),
    fc.tuple(number, number, delay).map(([address, word, after]) => crashInSignUp(address, word, 2 * after)),
  ]
}

const mayCrash = ({ kills }: History) => kills < MOST_CRASHES

/** Kills the service's process some time after a request was begun. @returns its answer, if that arrived */
export async function crashAfter(
  history: History,
  world: World,
  milliseconds: number,
  begin?: () => Promise<Reply>,
): Promise<Reply | undefined> {
  const answer = begin?.().catch(() => undefined)
  await pause(milliseconds)
  await world.crash!.kill()
  history.kills += 1
  const reply = await answer
  await untilQuiet(world)
  await world.crash!.restart()
  return reply
}

/** PostgreSQL goes on for a moment with what a process asked for before its end. */
async function untilQuiet({ database }: World): Promise<void> {
  for (;;) {
    const { rows } = await sql`select 1 from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
        and state <> 'idle'`.execute(database)
    if (rows.length === 0) return
    await pause(5)
  }
}

function crash(after: number): Command {
  return command(`Crash(${after} ms)`, mayCrash, async (history, world) => {
    await crashAfter(history, world, after)
  })
}

function crashInRefresh(number: number, after: number): Command {
  return command(
    `CrashInRefresh(${number}, ${after} ms)`,
    history => mayCrash(history) && history.sessions.length > 0,
    async (history, world) => {
      const session = history.session(number)
      const token = session.honest
      const expected = session.outcomesOf(token, history.now)
      const before = await rowOf(world, session)
      const reply = await crashAfter(history, world, after, () => refresh(world, token))
      const row = await rowOf(world, session)
      const hasRotated = row.generation !== before.generation
      if (reply) session.honest = judge(history, session, token, reply) ?? token
      if (reply)
        return assert.equal(hasRotated, expected[0] === 'new' && reply.status === 200, 'what was answered stays')
      if (hasRotated) assert.ok(expected.includes('new'))
      if (hasRotated) session.rotatedUnseen(token, history.now)
      if (row.reason === 'reused' && !session.ended) {
        assert.ok(expected.includes('reused'))
        session.shown(token, 'reused', undefined, history.now)
      }
    },
  )
}

function crashInSignOut(number: number, after: number): Command {
  return command(
    `CrashInSignOut(${number}, ${after} ms)`,
    history => mayCrash(history) && history.sessions.length > 0,
    async (history, world) => {
      const session = history.session(number)
      const form = { token: session.honest }
      const reply = await crashAfter(history, world, after, () =>
        world.http.post(`${world.url}/oauth2/revoke`, { form }),
      )
      const { reason } = await rowOf(world, session)
      if (reply) assert.ok(reason, 'a session that was signed out stays so')
      if (reason) session.end()
    },
  )
}

function crashInConfirmation(number: number, after: number): Command {
  const lettered = ({ accounts }: History) => accounts.filter(({ letter, ticket }) => letter && ticket)
  return command(
    `CrashInConfirmation(${number}, ${after} ms)`,
    history => mayCrash(history) && lettered(history).length > 0,
    async (history, world) => {
      const account = pick(lettered(history), number)
      const request = () => confirm(world, account, { ticket: account.ticket })
      const reply = await crashAfter(history, world, after, request)
      if (reply) judgeConfirmation(history, account, true, reply)
      const { rows } = await sql`
        select 1 from account where id = ${account.id} and confirmed_at is not null`.execute(world.database)
      if (rows.length === 0 || account.status !== 'unconfirmed') return
      assert.equal(history.confirming(account, true), '200 confirmed')
      account.status = 'active'
    },
  )
}

function crashInSignUp(address: number, word: number, after: number): Command {
  return command(
    `CrashInSignUp(${address},${word}, ${after} ms)`,
    history => mayCrash(history) && history.maySignUp(pick(history.addresses, address)),
    async (history, world) => {
      const [email, password] = [pick(history.addresses, address), pick(PASSWORDS, word)]
      const known = new Set(history.accounts.map(({ id }) => id))
      const json = { email, password }
      const reply = await crashAfter(history, world, after, () => world.http.post(`${world.url}/v1/accounts`, { json }))
      const { rows } = await sql<{ id: string }>`select id from account where email = ${email}`.execute(world.database)
      const [created] = rows.filter(({ id }) => !known.has(id))
      if (reply) assert.equal(created?.id, reply.body.id, 'a sign-up that was answered stays')
      if (!created) return
      const account = signedUp(created.id, email, password, reply?.body.confirmation.ticket)
      await receiveLetter(account, world)
      history.accounts.push(account)
    },
  )
}
