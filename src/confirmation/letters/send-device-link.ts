import { v7 as uuidv7 } from 'uuid'
import { type Account, findConfirmedAccount } from '../../accounts/account-store.ts'
import type { DeviceLinks } from '../../accounts/device-link.ts'
import {
  DEVICE_LINK_LIFETIME,
  type DeviceLinkRequest,
  findDeviceLinkRequest,
  prepareDeviceLink,
  recordDeviceLinkFailure,
  recordDeviceLinkSent,
  settleDeviceLinkRequest,
} from '../../accounts/device-link-store.ts'
import { maskedEmailAddress } from '../../email/address.ts'
import { MailError } from '../../email/mail-error.ts'
import type { DeliverLetterNeeds } from './deliver-letter.ts'
import { composeLetter } from './letter-content.ts'

export type SendDeviceLinkNeeds = Pick<
  DeliverLetterNeeds,
  'database' | 'mailer' | 'unrecordedEmails' | 'publicUrl' | 'serviceName' | 'letters' | 'logger' | 'now'
> & {
  deviceLinks: DeviceLinks
  /** The page that a device link opens. */
  deviceUrl: () => string
}

/**
 * Sends the email with a device link to the owner of an address at which sign-in is blocked, if it has an active account
 * and the last one was not sent just before. The limits of confirmation emails have no part in it: strangers could use
 * them up.
 *
 * @throws MailError when delivery should be tried again
 */
export async function sendDeviceLink(needs: SendDeviceLinkNeeds, requestId: string): Promise<void> {
  const request = await findDeviceLinkRequest(needs.database, requestId)
  if (!request) return
  await sendTo(needs, requestId, request)
  await settleDeviceLinkRequest(needs.database, requestId)
}

async function sendTo(needs: SendDeviceLinkNeeds, requestId: string, request: DeviceLinkRequest): Promise<void> {
  const account = await findConfirmedAccount(needs.database, request.email)
  if (account?.status !== 'active') return
  const linkId = await prepareDeviceLink(needs.database, { requestId, accountId: account.id, newId: uuidv7() })
  if (linkId === undefined) return
  try {
    const email = emailOf(needs, { request, requestId, linkId, account })
    await needs.unrecordedEmails.send(needs.mailer, email, () => recordDeviceLinkSent(needs.database, linkId))
  } catch (error) {
    if (!(error instanceof MailError)) throw error
    return fail(needs, request, linkId, error)
  }
  needs.letters.inc({ outcome: 'sent' })
}

function emailOf(
  { deviceLinks, deviceUrl, publicUrl, serviceName, now }: SendDeviceLinkNeeds,
  email: { request: DeviceLinkRequest; requestId: string; linkId: string; account: Account },
) {
  const { request, requestId, linkId, account } = email
  const link = new URL(deviceUrl())
  link.searchParams.set('token', deviceLinks.make(linkId))
  const content = composeLetter(
    { kind: 'device-link', link: link.href, lifetime: DEVICE_LINK_LIFETIME },
    { email: account.email, at: request.requestedAt, locale: account.locale, serviceName },
  )
  return {
    ...content,
    to: account.email,
    messageId: `<${requestId}.device-link.${linkId}@${new URL(publicUrl()).hostname}>`,
    date: new Date(now()),
  }
}

async function fail(
  { database, letters, logger }: SendDeviceLinkNeeds,
  { email, isOverdue }: DeviceLinkRequest,
  linkId: string,
  error: MailError,
): Promise<void> {
  const reason = error.kind === 'address_refused' ? 'undeliverable' : isOverdue ? 'given_up' : undefined
  letters.inc({ outcome: reason ?? 'retried' })
  if (!reason) throw error
  logger.warn({ to: maskedEmailAddress(email), err: error, reason }, 'the email of a device link was given up')
  await recordDeviceLinkFailure(database, linkId, reason)
}
