import { randomUUID } from 'node:crypto'
import { cpSync, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { pino } from 'pino'
import { readConfig } from '../../src/config.ts'
import { createLogger } from '../../src/log.ts'
import { openStorage } from '../../src/open-storage.ts'
import { noteMakingKey } from '../../src/secrets/secret-key-check.ts'
import { type Service, startService } from '../../src/service.ts'
import { createTestDatabase, type DatabaseKind } from './database.ts'
import { migrationsHash } from './migrations-hash.ts'

export const PASSWORD = 'a long enough password'

export type TestService = AsyncDisposable & {
  service: Service
  /** Its origin on this machine. */
  url: string
  /** What it has logged, as JSON lines. */
  log(): string
} & ServiceData

export type ServiceData = { dataDirectory: string; databaseUrl: string | undefined }

export type TestServiceOptions = {
  env?: Record<string, string>
  /** The process's clock, in milliseconds. */
  now?: () => number
  /** Where its data is already, and stays; by default in a new place, which is removed at the end. */
  data?: ServiceData
}

/** The real service in this process, on a database and a data directory of its own, with the embedded mailbox. */
export async function startTestService(kind: DatabaseKind, options: TestServiceOptions = {}): Promise<TestService> {
  await using opened = new AsyncDisposableStack()
  const { dataDirectory, databaseUrl } = options.data ?? (await newData(kind, opened))
  const lines: string[] = []
  const logger = createLogger('trace', { write: line => void lines.push(line) })
  const config = readConfig({
    AUTH_PORT: '0',
    AUTH_METRICS_LISTEN: 'off',
    AUTH_RATE_LIMITS: 'off', // all tests come from one network
    AUTH_DATA_DIR: dataDirectory,
    ...(databaseUrl && { AUTH_DATABASE_URL: databaseUrl, AUTH_SECRET_KEY: SECRET_KEY }),
    ...(options.env?.AUTH_TRUST_PROXY && { AUTH_MAILBOX: 'on' }), // whose peers are tests here
    ...options.env,
  })
  const service = opened.use(await startService(config, { logger, ...(options.now && { now: options.now }) }))
  const parts = opened.move()
  return {
    service,
    url: `http://localhost:${service.port}`,
    log: () => lines.join(''),
    dataDirectory,
    databaseUrl,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

async function newData(kind: DatabaseKind, opened: AsyncDisposableStack): Promise<ServiceData> {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'auth-test-'))
  opened.defer(() => rm(dataDirectory, { recursive: true, force: true }))
  if (kind === 'PGlite') await fillDataDirectory(dataDirectory)
  return { dataDirectory, databaseUrl: kind === 'PostgreSQL' ? opened.use(await createTestDatabase()).url : undefined }
}

/** A secret key for tests; anybody can read it here. */
export const SECRET_KEY = `k1:${Buffer.alloc(32, 'test').toString('base64')}`

/** Fills a data directory with an up-to-date database, as an earlier start would have left it. */
export async function fillDataDirectory(directory: string): Promise<void> {
  cpSync(await embeddedTemplate(), directory, { recursive: true })
}

/** A data directory to copy: ten times as fast as making one. Kept between runs. */
async function embeddedTemplate(): Promise<string> {
  const template = join(tmpdir(), `auth-test-template-${userInfo().uid}-${migrationsHash()}`)
  if (existsSync(template)) return template
  const draft = mkdtempSync(`${template}-`)
  const config = readConfig({ AUTH_DATA_DIR: draft })
  const storage = await openStorage(config, pino({ level: 'silent' }))
  await noteMakingKey(storage.backgroundDatabase, storage.secretKeys)
  await storage[Symbol.asyncDispose]()
  try {
    renameSync(draft, template)
  } catch {
    rmSync(draft, { recursive: true, force: true }) // another test file was faster
  }
  return template
}

// What the service answers is what the tests are there to find out.
// biome-ignore lint/suspicious/noExplicitAny: see above
export type Answer<Body = any> = { status: number; headers: Headers; body: Body; text: string }

/** Sends a request; `json` and `form` are bodies. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export async function send<Body = any>(
  url: string,
  { json, form, ...init }: RequestInit & { json?: unknown; form?: Record<string, string> } = {},
): Promise<Answer<Body>> {
  const body = json !== undefined ? JSON.stringify(json) : form ? new URLSearchParams(form).toString() : init.body
  const type = json !== undefined ? 'application/json' : form ? 'application/x-www-form-urlencoded' : undefined
  const response = await fetch(url, {
    redirect: 'manual',
    ...init,
    ...(body !== undefined && body !== null && { method: init.method ?? 'POST', body }),
    headers: { ...(type && { 'content-type': type }), ...(init.headers as Record<string, string>) },
  })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json')
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: isJson && text ? JSON.parse(text) : undefined,
  }
}

/** An address that no other test uses. */
export const newAddress = (name = 'ann'): string => `${name}.${randomUUID().slice(0, 8)}@example.com`

export type SignedUp = { id: string; email: string; ticket: string; password: string }

export async function signUp(
  { url }: Pick<TestService, 'url'>,
  { email = newAddress(), password = PASSWORD } = {},
): Promise<SignedUp> {
  const { status, body, text } = await send(`${url}/v1/accounts`, { json: { email, password } })
  if (status !== 201) throw new Error(`sign-up answered ${status}: ${text}`)
  return { id: body.id, email: body.email, ticket: body.confirmation.ticket, password }
}

/** Waits until that many letters to an address have arrived. The newest first. */
export async function lettersTo({ service }: Pick<TestService, 'service'>, to: string, count = 1) {
  for (const deadline = Date.now() + 15_000; ; await pause(10)) {
    const letters = await service.mailbox!.messages({ to })
    if (letters.length >= count) return letters
    if (Date.now() > deadline) throw new Error(`${letters.length} of ${count} letters to ${to} have arrived in 15 s`)
  }
}

/** The token in a letter's link. */
export function tokenIn(letter: { text: string }): string {
  const link = /https?:\/\/\S+\/confirm\?token=(\S+)/.exec(letter.text)
  if (!link) throw new Error(`there is no confirmation link in this letter:\n${letter.text}`)
  return link[1]!
}

/** Signs up, opens the letter and confirms. */
export async function confirmedAccount(
  test: TestService,
  credentials?: { email?: string; password?: string },
): Promise<SignedUp> {
  const account = await signUp(test, credentials)
  const [letter] = await lettersTo(test, account.email)
  const { status, text } = await send(`${test.url}/v1/confirmations`, {
    json: { token: tokenIn(letter!), ticket: account.ticket },
  })
  if (status !== 200) throw new Error(`confirming answered ${status}: ${text}`)
  return account
}

/** @returns the refresh token of a new session */
export async function signIn({ url }: Pick<TestService, 'url'>, { email, password }: SignedUp): Promise<string> {
  const { status, body, text } = await send(`${url}/v1/sessions`, { json: { email, password } })
  if (status !== 201) throw new Error(`sign-in answered ${status}: ${text}`)
  return body.refresh_token
}

export function exchange({ url }: Pick<TestService, 'url'>, refreshToken: string): Promise<Answer> {
  return send(`${url}/oauth2/token`, { form: { grant_type: 'refresh_token', refresh_token: refreshToken } })
}
