import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DeviceLinks } from '../../src/accounts/device-link.ts'
import { DeviceTokens } from '../../src/accounts/device-token.ts'
import { ConfirmationTickets } from '../../src/accounts/ticket.ts'
import { ensureSignUpLetters } from '../../src/confirmation/letters/letter-store.ts'
import { LetterTokens } from '../../src/confirmation/letters/letter-token.ts'
import { KeyRing } from '../../src/secrets/key-ring.ts'
import { RefreshTokens } from '../../src/sessions/refresh-token.ts'
import type { DatabaseKind } from './database.ts'
import {
  SECRET_KEY,
  type SignedUp,
  send,
  signUp,
  startTestService,
  type TestService,
  type TestServiceOptions,
} from './service.ts'

/** A service without limits by network, for tests that send much. */
export function startUnlimitedService(
  kind: DatabaseKind,
  { env = {}, ...options }: TestServiceOptions = {},
): Promise<TestService> {
  return startTestService(kind, { ...options, env: { AUTH_RATE_LIMITS: 'off', ...env } })
}

/** The secret keys of a service, as somebody has them who can read its settings or its data directory. */
export function keyRingOf({ databaseUrl, dataDirectory }: TestService): KeyRing {
  return KeyRing.parse(databaseUrl ? SECRET_KEY : readFileSync(join(dataDirectory, 'secret-key'), 'utf8').trim())
}

/** What makes the secrets of a service. */
export const makersOf = (service: TestService) => makersWith(keyRingOf(service))

/** What makes secrets with these keys. */
export function makersWith(keys: KeyRing) {
  return {
    letterTokens: new LetterTokens(keys.for('letter-token')),
    tickets: new ConfirmationTickets(keys.for('confirmation-ticket')),
    deviceLinks: new DeviceLinks(keys.for('device-link')),
    devices: new DeviceTokens(keys.for('device-token')),
    refreshTokens: new RefreshTokens(keys.for('refresh-token')),
  }
}

/** The token of the letter that a sign-up asked for, whether or not it has been sent yet. */
export async function letterTokenOf(service: TestService, accountId: string): Promise<string> {
  const [letter] = await ensureSignUpLetters(service.service.database, [{ id: randomUUID(), accountId }])
  return makersOf(service).letterTokens.make(letter!.id)
}

/** Signs up and confirms, without waiting for the letter. */
export async function confirmedAtOnce(
  service: TestService,
  credentials?: { email?: string; password?: string },
): Promise<SignedUp & { token: string }> {
  const account = await signUp(service, credentials)
  const token = await letterTokenOf(service, account.id)
  const { status, text } = await send(`${service.url}/v1/confirmations`, { json: { token, ticket: account.ticket } })
  if (status !== 200) throw new Error(`confirming answered ${status}: ${text}`)
  return { ...account, token }
}
