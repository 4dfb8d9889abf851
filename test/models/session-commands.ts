import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import fc from 'fast-check'
import { sql } from 'kysely'
import { uuidOf } from '../../src/secrets/bearer-secret.ts'
import type { Reply } from '../support/http-connections.ts'
import { type Command, command, summary } from './command.ts'
import { type History, pick } from './history.ts'
import type { Outcome, SessionModel } from './session-model.ts'
import type { World } from './world.ts'

const number = fc.nat({ max: 11 })

export function sessionCommands(): fc.Arbitrary<Command>[] {
  const often = [
    number.map(refreshAsOwner),
    number.map(refreshAndLoseTheAnswer),
    number.map(refreshAsThief),
    fc.tuple(number, number).map(([session, token]) => replay(session, token)),
  ]
  return [
    ...often,
    ...often,
    ...often,
    number.map(refreshAsOwner),
    number.map(refreshThreeTimesAtOnce),
    number.map(stealTheToken),
    number.map(stealTheToken),
    fc.tuple(number, number).map(([session, token]) => useAccessToken(session, token)),
    fc.tuple(number, number).map(([session, token]) => signOut(session, token)),
  ]
}

const hasSession = ({ sessions }: History) => sessions.length > 0

function refreshAsOwner(number: number): Command {
  return command(`Refresh(${number})`, hasSession, async (history, world) => {
    const session = history.session(number)
    session.honest = (await show(history, world, session, session.honest)) ?? session.honest
    if (!session.isMeddledWith) assert.notEqual(session.ended, 'reused', 'the owner alone is never taken for a thief')
  })
}

/** Shows a token, and holds the answer against the model. @returns the token that it held */
export async function show(
  history: History,
  world: World,
  session: SessionModel,
  token: string,
): Promise<string | undefined> {
  const reply = await refresh(world, token)
  return judge(history, session, token, reply)
}

export function refresh({ http, url }: World, token: string): Promise<Reply> {
  return http.post(`${url}/oauth2/token`, { form: { grant_type: 'refresh_token', refresh_token: token } })
}

export function judge(history: History, session: SessionModel, token: string, reply: Reply): string | undefined {
  const { now } = history
  const received: string | undefined = reply.body?.refresh_token
  const expected = session.outcomesOf(token, now)
  const outcome = outcomeOf(reply, received !== undefined && !session.tokens.includes(received), expected)
  const generation = `token ${session.tokens.indexOf(token) + 1} of ${session.tokens.length}`
  assert.ok(expected.includes(outcome), `${generation} was to be ${expected.join(' or ')}, and was ${outcome}`)
  history.outcomes.push(outcome)
  session.shown(token, outcome, received, now)
  if (reply.status === 200)
    session.accessTokens.push({ token: reply.body.access_token, issuedAt: Math.floor(now / 1_000) })
  return received
}

/** A token that nobody has seen is a new one, or the current one whose answer was lost. */
function outcomeOf(reply: Reply, isUnseen: boolean, expected: Outcome[]): Outcome {
  if (reply.status === 200) return isUnseen && !expected.includes('same') ? 'new' : 'same'
  assert.match(summary(reply), /^400 (expired|revoked|reused)$/)
  return reply.body.reason
}

/** The connection is cut before the answer, where the rotation can be seen; else the answer is thrown away. */
function refreshAndLoseTheAnswer(number: number): Command {
  return command(`LoseAnswer(${number})`, hasSession, async (history, world) => {
    const session = history.session(number)
    const expected = session.outcomesOf(session.honest, history.now)
    if (expected.join() !== 'new') return void (await show(history, world, session, session.honest))
    const before = await rowOf(world, session)
    const form = { grant_type: 'refresh_token', refresh_token: session.honest }
    await world.http.postAndCut(`${world.url}/oauth2/token`, { form })
    for (const deadline = Date.now() + 10_000; ; await pause(1)) {
      if ((await rowOf(world, session)).generation !== before.generation) break
      assert.ok(Date.now() < deadline, 'a request that was sent whole is carried out')
    }
    session.rotatedUnseen(session.honest, history.now)
  })
}

type Row = { generation: number; reason: string | null }

export async function rowOf({ database }: World, session: SessionModel): Promise<Row> {
  const id = uuidOf(Buffer.from(session.honest.split('.')[1]!, 'base64url').subarray(0, 16))
  const { rows } = await sql<Row>`
    select generation, end_reason as reason from session where id = ${id}`.execute(database)
  return rows[0]!
}

function refreshThreeTimesAtOnce(number: number): Command {
  return command(`RefreshThrice(${number})`, hasSession, async (history, world) => {
    const session = history.session(number)
    const token = session.honest
    const replies = await Promise.all([1, 2, 3].map(() => refresh(world, token)))
    for (const reply of replies) session.honest = judge(history, session, token, reply) ?? session.honest
    if (!session.isMeddledWith) assert.notEqual(session.ended, 'reused', 'the owner alone is never taken for a thief')
  })
}

function stealTheToken(number: number): Command {
  return command(`Steal(${number})`, hasSession, async history => {
    const session = history.session(number)
    session.copy = session.honest
  })
}

const stolen = ({ sessions }: History) => sessions.filter(({ copy }) => copy)

function refreshAsThief(number: number): Command {
  return command(
    `RefreshAsThief(${number})`,
    history => stolen(history).length > 0,
    async (history, world) => {
      const session = pick(stolen(history), number)
      session.isMeddledWith = true
      session.copy = (await show(history, world, session, session.copy!)) ?? session.copy!
    },
  )
}

/** Any token of the session, such as one whose successor was used. */
function replay(number: number, token: number): Command {
  return command(`Replay(${number},${token})`, hasSession, async (history, world) => {
    const session = history.session(number)
    session.isMeddledWith = true
    await show(history, world, session, pick(session.tokens.toReversed(), token))
  })
}

/** With any token of the session: refresh tokens of all generations, and access tokens. */
function signOut(number: number, token: number): Command {
  return command(`SignOut(${number},${token})`, hasSession, async (history, { http, url }) => {
    const session = history.session(number)
    const shown = pick(session.tokens.toReversed(), token)
    const reply = await http.post(`${url}/oauth2/revoke`, { form: { token: shown } })
    assert.equal(summary(reply), '200')
    session.end()
  })
}

function useAccessToken(number: number, token: number): Command {
  return command(
    `UseAccessToken(${number},${token})`,
    history => history.sessions.some(({ accessTokens }) => accessTokens.length > 0),
    async (history, { http, url, setProcessClock }) => {
      const session = pick(
        history.sessions.filter(({ accessTokens }) => accessTokens.length > 0),
        number,
      )
      const { token: shown, issuedAt } = pick(session.accessTokens.toReversed(), token)
      const reply = await http.get(`${url}/v1/account`, { authorization: `Bearer ${shown}` })
      const issued = setProcessClock ? issuedAt : Math.floor(history.now / 1_000)
      const isGood = history.isAccessTokenGood(session, issued)
      assert.equal(summary(reply), isGood ? '200 active' : '401 invalid_access_token')
    },
  )
}
