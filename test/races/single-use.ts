import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { v7 as uuidv7 } from 'uuid'
import { disableAccount } from '../../src/accounts/account-status-store.ts'
import { DeviceLinks } from '../../src/accounts/device-link.ts'
import { ensureSignUpLetters } from '../../src/confirmation/letters/letter-store.ts'
import { LetterTokens } from '../../src/confirmation/letters/letter-token.ts'
import { KeyRing } from '../../src/secrets/key-ring.ts'
import type { Experiment, Findings, Trial } from '../proof/experiment.ts'
import { seededRandom } from '../proof/random.ts'
import { HttpConnections, type Reply } from '../support/http-connections.ts'
import { newAddress, PASSWORD, SECRET_KEY } from '../support/service.ts'
import { type ServicesOnPostgres, startServicesOnPostgres } from '../support/services-on-postgres.ts'
import { confirmed, expected, refresh, signedIn, signUpWithLetter } from '../support/signed-in.ts'

const PARALLEL = 50
const RIVAL_RACES = 0.1 // of the races of another kind; one costs 50 password hashes

type Race = (services: ServicesOnPostgres, http: HttpConnections, random: () => number) => Promise<string | undefined>

/** The class of parse-server GHSA-r3xq-68wh-gwvh and MISP CVE-2026-107276. */
export const singleUse: Experiment = {
  id: 'R89',
  title: 'Single-use artefacts',
  claim: 'Whatever is good for one use is used once, however many use it at the same time.',
  command: 'prove',
  proves: ['R16', 'R42', 'R46', 'R47', 'R89'],
  trials: { short: 4, full: 250 },
  run,
}

const RACES: Record<string, Race> = {
  'confirmation links that changed the state more than once': confirmationLink,
  'device links that made more than one device known': deviceLink,
  'refresh tokens with more than one successor': refreshToken,
  'sessions that went on after they were signed out': signOut,
  'sessions that went on after their account was disabled': disabling,
}

async function run(trial: Trial): Promise<Findings> {
  await using services = await startServicesOnPostgres(trial.postgresUrl, { count: 2 })
  using http = new HttpConnections(2 * PARALLEL)
  const random = seededRandom(trial.seed)
  const rivalRaces = Math.max(1, Math.round(trial.trials * RIVAL_RACES))
  const counted = []
  let done = 0
  for (const [what, race] of [...Object.entries(RACES), [RIVALS, rivalSignUps] as const]) {
    const of = race === rivalSignUps ? rivalRaces : trial.trials
    let count = 0
    for (let round = 0; round < of; round++) {
      trial.progress(done++, what)
      const fault = await race(services, http, random)
      if (fault === undefined) continue
      count += 1
      await appendFile(
        join(trial.directory, 'faults.jsonl'),
        `${JSON.stringify({ what, round, fault, seed: trial.seed })}\n`,
      )
    }
    counted.push({ what, count, of })
  }
  return {
    trials: done,
    unit: 'races',
    counted,
    measured: [],
    remarks: [`${PARALLEL} requests a race, shared out between two processes on one database.`],
  }
}

async function confirmationLink(services: ServicesOnPostgres, http: HttpConnections): Promise<string | undefined> {
  const { id, ticket, token } = await signUpWithLetter(services, http)
  const confirm = (index: number) =>
    http.post(`${urlOf(services, index)}/v1/confirmations`, {
      json: { token, ...(index % 10 === 0 ? { password: PASSWORD } : { ticket }) },
    })
  const replies = await inParallel(confirm)
  const late = await confirm(1)
  const answers = new Set([...replies, late].map(({ status, text }) => `${status} ${text}`))
  if (answers.size > 1 || late.body?.account_id !== id) return [...answers].join('\n')
  const leaked = replies.find(({ headers, text }) => headers['set-cookie'] || /authsvc_|eyJ/.test(text))
  return leaked && `a confirmation gave a session: ${leaked.text}`
}

async function deviceLink(services: ServicesOnPostgres, http: HttpConnections): Promise<string | undefined> {
  const { id, email } = await confirmed(services, http)
  const link = uuidv7()
  await sql`insert into device_link (email, request_id, link_id, account_id)
    values (${email}, ${link}, ${link}, ${id})`.execute(services.database)
  const token = new DeviceLinks(KeyRing.parse(SECRET_KEY).for('device-link')).make(link)
  const use = (index: number) => http.post(`${urlOf(services, index)}/v1/device-tokens`, { json: { token } })
  const answers = new Set((await inParallel(use)).map(({ status, text }) => `${status} ${text}`))
  await sql`update device_link set used_at = used_at - interval '61 seconds' where link_id = ${link}`.execute(
    services.database,
  )
  const late = await use(0)
  if (answers.size === 1 && [...answers][0]?.startsWith('201 ') && late.status === 404) return undefined
  return [...answers, `a minute later ${late.status} ${late.text}`].join('\n')
}

const RIVALS = 'addresses without exactly one account after rival sign-ups were confirmed at once'

async function rivalSignUps(services: ServicesOnPostgres, http: HttpConnections): Promise<string | undefined> {
  const { database } = services
  const email = newAddress()
  const signUps = await inParallel(index =>
    http.post(`${urlOf(services, index)}/v1/accounts`, { json: { email, password: PASSWORD } }),
  )
  const accounts = signUps.map(reply => expected(201, reply).body)
  // Letters to one address are few; each of these sign-ups gets one here, as if it had been the only one.
  const letterTokens = new LetterTokens(KeyRing.parse(SECRET_KEY).for('letter-token'))
  const tokens: string[] = []
  for (const { id: accountId } of accounts) {
    const [letter] = await ensureSignUpLetters(database, [{ id: uuidv7(), accountId }])
    tokens.push(letterTokens.make(letter!.id))
  }
  const replies = await inParallel(index => {
    const json = { token: tokens[index], ticket: accounts[index].confirmation.ticket }
    return http.post(`${urlOf(services, index)}/v1/confirmations`, { json })
  })
  const codes = replies.map(({ status, body }) => `${status} ${body.code ?? body.status}`).sort()
  const expectedCodes = ['200 confirmed', ...Array(PARALLEL - 1).fill('409 confirmation_superseded')]
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from account where email = ${email} and confirmed_at is not null`.execute(database)
  if (rows[0]!.count === 1 && codes.join() === expectedCodes.join()) return undefined
  return `${rows[0]!.count} confirmed accounts; ${codes.join(', ')}`
}

async function refreshToken(services: ServicesOnPostgres, http: HttpConnections): Promise<string | undefined> {
  const token = await signedIn(services, http, await sharedAccount(services, http))
  const replies = await inParallel(index => refresh(http, urlOf(services, index), token))
  const successors = new Set(replies.map(successorOf))
  return successors.size === 1 && !successors.has(undefined) ? undefined : replies.map(({ text }) => text).join('\n')
}

async function signOut(services: ServicesOnPostgres, http: HttpConnections, random: () => number) {
  const token = await signedIn(services, http, await sharedAccount(services, http))
  return endedDuring(services, http, token, random, url =>
    http.post(`${url}/oauth2/revoke`, { form: { token } }).then(reply => void expected(200, reply)),
  )
}

async function disabling(services: ServicesOnPostgres, http: HttpConnections, random: () => number) {
  const { id, email } = await confirmed(services, http)
  const token = await signedIn(services, http, email)
  return endedDuring(services, http, token, random, async () => {
    if (!(await disableAccount(services.database, id))) throw new Error('the account was not active')
  })
}

/** Ends a session while its token is refreshed, and again refreshes all that came of it. */
async function endedDuring(
  services: ServicesOnPostgres,
  http: HttpConnections,
  token: string,
  random: () => number,
  end: (url: string) => Promise<void>,
): Promise<string | undefined> {
  const place = Math.floor(random() * PARALLEL)
  const afterEnd: Reply[] = []
  const replies = await inParallel(async index => {
    const url = urlOf(services, index)
    if (index !== place) return refresh(http, url, token)
    await end(url)
    const reply = await refresh(http, url, token)
    afterEnd.push(reply)
    return reply
  })
  const held = new Set([token, ...replies.flatMap(reply => successorOf(reply) ?? [])])
  for (const each of held) afterEnd.push(await refresh(http, urlOf(services, place), each))
  const wentOn = afterEnd.filter(({ body }) => body?.reason !== 'revoked')
  const others = replies.filter(({ status, body }) => status !== 200 && body?.reason !== 'revoked')
  return wentOn.length + others.length === 0 ? undefined : [...wentOn, ...others].map(({ text }) => text).join('\n')
}

const shared = new WeakMap<ServicesOnPostgres, Promise<string>>()

/** The address of an account for races that leave it as it was. */
function sharedAccount(services: ServicesOnPostgres, http: HttpConnections): Promise<string> {
  const known = shared.get(services) ?? confirmed(services, http).then(({ email }) => email)
  shared.set(services, known)
  return known
}

const inParallel = (work: (index: number) => Promise<Reply>): Promise<Reply[]> =>
  Promise.all(Array.from({ length: PARALLEL }, (_, index) => work(index)))

const urlOf = ({ urls }: ServicesOnPostgres, index: number): string => urls[index % urls.length]!

const successorOf = ({ body }: Reply): string | undefined => body?.refresh_token
