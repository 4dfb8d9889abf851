import type { EmailAddress } from '../email/address.ts'
import type { AttemptLimits } from '../limits/attempt-limits.ts'
import type { Database } from '../storage/database.ts'
import type { DeviceLinks } from './device-link.ts'
import { findGoodDeviceLink, useDeviceLink } from './device-link-store.ts'
import type { DeviceTokens } from './device-token.ts'
import { AccountRefusal } from './errors.ts'

export type MakeDeviceKnownNeeds = {
  database: Database
  attempts: AttemptLimits
  deviceLinks: DeviceLinks
  devices: DeviceTokens
}

/**
 * Uses a device link, once; repeating it within a minute is safe. Signing in still takes the password.
 * @param network where the request comes from; see `networkOf`
 * @returns a device token for the account that the link was sent to
 * @throws Refusal `device_link_unusable`; `too_many_attempts` after many that were no tokens
 */
export async function makeDeviceKnown(needs: MakeDeviceKnownNeeds, token: string, network: string): Promise<string> {
  const linkId = await linkOf(needs, token, network)
  const accountId = await useDeviceLink(needs.database, linkId, network)
  if (accountId === undefined) throw new AccountRefusal('device_link_unusable')
  return needs.devices.make(accountId, linkId) // one link makes one device, however often it is repeated
}

/**
 * The address of the account that a device link is for; reading it does not use it.
 * @param network where the request comes from; see `networkOf`
 * @throws as {@link makeDeviceKnown} does
 */
export async function readDeviceLink(
  needs: MakeDeviceKnownNeeds,
  token: string,
  network: string,
): Promise<EmailAddress> {
  const email = await findGoodDeviceLink(needs.database, await linkOf(needs, token, network))
  if (email === undefined) throw new AccountRefusal('device_link_unusable')
  return email
}

async function linkOf({ attempts, deviceLinks }: MakeDeviceKnownNeeds, token: string, network: string) {
  const id = await deviceLinks.open(token)
  if (id !== undefined) return id
  await attempts.countNotGenuine(token, network)
  throw new AccountRefusal('device_link_unusable')
}
