import { Type } from 'typebox'
import { ACCOUNT_PROBLEMS, FIELD_FAULTS } from '../accounts/errors.ts'
import { canonicalEmailAddress } from '../email/address.ts'
import { bearerToken } from '../http/bearer.ts'
import { networkOf } from '../http/network.ts'
import { BODY_PROBLEMS, HTTP_PROBLEMS, invalidRequest, pick, problemResponses } from '../http/problem.ts'
import type { HttpServer } from '../http/server.ts'
import { LIMIT_PROBLEMS } from '../limits/errors.ts'
import { type ConfirmNeeds, confirm } from './confirm.ts'
import { CONFIRMATION_PROBLEMS } from './errors.ts'
import { type RequestLetterNeeds, requestLetter } from './letters/request-letter.ts'
import { type ReadStatusNeeds, readStatus } from './read-status.ts'

export type ConfirmationRoutesNeeds = ConfirmNeeds & ReadStatusNeeds & RequestLetterNeeds

const Time = Type.String({ format: 'date-time', description: 'RFC 3339, UTC' })
const TimeOrNull = Type.Union([Time, Type.Null()])
const Ticket = Type.String({ description: 'authsvc_ct_…, from the sign-up' })
const Password = Type.String({ description: 'The password that was chosen at the sign-up' })

/** `/v1/confirmation`, `/v1/confirmations` and `/v1/confirmation-letters`. */
export function confirmationRoutes(server: HttpServer, needs: ConfirmationRoutesNeeds): void {
  server.get(
    '/v1/confirmation',
    {
      schema: {
        operationId: 'readConfirmation',
        summary: 'Read how far a confirmation is',
        description:
          'What a waiting screen shows. The same course for an address that was known already, or that others signed up with: ' +
          'when too many emails were asked for, it says sent, and the email leaves later.',
        tags: ['Confirmation'],
        security: [{ confirmationTicket: [] }],
        response: {
          200: Type.Object(
            {
              state: Type.Enum(['queued', 'sent', 'undeliverable', 'confirmed', 'expired'], {
                description: 'Of the letter that the sign-up or this ticket asked for last',
              }),
              sent_at: TimeOrNull,
              expires_at: TimeOrNull,
            },
            { description: 'How far the confirmation is' },
          ),
          ...problemResponses({
            ...LIMIT_PROBLEMS,
            ...pick(CONFIRMATION_PROBLEMS, 'invalid_ticket'),
            ...pick(HTTP_PROBLEMS, 'unavailable'),
          }),
        },
      },
    },
    async request => {
      const ticket = bearerToken(request.headers.authorization)
      const { state, sentAt, expiresAt } = await readStatus(needs, ticket, networkOf(request.ip))
      return { state, sent_at: sentAt?.toISOString() ?? null, expires_at: expiresAt?.toISOString() ?? null }
    },
  )

  server.post(
    '/v1/confirmations',
    {
      schema: {
        operationId: 'confirm',
        summary: 'Confirm an account',
        description:
          'With the token of the letter, and either the ticket or the password of the sign-up. ' +
          'Repeating it gives the same answer. It signs nobody in.',
        tags: ['Confirmation'],
        body: Type.Object(
          {
            token: Type.String({ description: 'authsvc_lt_…, from the link in the letter' }),
            ticket: Type.Optional(Ticket),
            password: Type.Optional(Password),
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object(
            {
              account_id: Type.String({ format: 'uuid' }),
              email: Type.String(),
              status: Type.Literal('confirmed'),
              confirmed_at: Time,
            },
            { description: 'The account is confirmed' },
          ),
          ...problemResponses({
            ...BODY_PROBLEMS,
            ...LIMIT_PROBLEMS,
            ...pick(
              CONFIRMATION_PROBLEMS,
              'confirmation_unknown',
              'proof_required',
              'proof_wrong',
              'confirmation_superseded',
              'confirmation_expired',
            ),
            ...pick(ACCOUNT_PROBLEMS, 'overloaded'),
          }),
        },
      },
    },
    async request => {
      const confirmed = await confirm(needs, { ...request.body, network: networkOf(request.ip) })
      return {
        account_id: confirmed.accountId,
        email: confirmed.email,
        status: 'confirmed' as const,
        confirmed_at: confirmed.confirmedAt.toISOString(),
      }
    },
  )

  server.post(
    '/v1/confirmation-letters',
    {
      schema: {
        operationId: 'requestConfirmationLetter',
        summary: 'Ask for another letter',
        description:
          'By the ticket of the sign-up, or by the address. Answers alike for every address. ' +
          'Earlier links stay good until they expire.',
        tags: ['Confirmation'],
        body: Type.Object(
          { ticket: Type.Optional(Ticket), email: Type.Optional(Type.String({ maxLength: 1_000 })) },
          { additionalProperties: false },
        ),
        response: {
          202: Type.Object({}, { description: 'The wish is noted' }),
          ...problemResponses({ ...BODY_PROBLEMS, ...LIMIT_PROBLEMS }),
        },
      },
    },
    async (request, reply) => {
      const network = networkOf(request.ip)
      await requestLetter(needs, await recipientOf(needs, request.body, network), network)
      return reply.code(202).send({})
    },
  )
}

async function recipientOf(
  { tickets, attempts }: ConfirmationRoutesNeeds,
  { ticket, email }: { ticket?: string; email?: string },
  network: string,
) {
  if ((ticket === undefined) === (email === undefined))
    throw invalidRequest({ pointer: '', code: 'not_allowed', detail: 'Send either ticket or email.' })
  if (ticket !== undefined) {
    const accountId = await tickets.open(ticket)
    if (!accountId) await attempts.countNotGenuine(ticket, network)
    if (!accountId)
      throw invalidRequest({ pointer: '/ticket', code: 'wrong_format', detail: 'This is no ticket of this service.' })
    return { accountId }
  }
  const address = canonicalEmailAddress(email!)
  if (!address) throw invalidRequest({ pointer: '/email', code: 'email_invalid', detail: FIELD_FAULTS.email_invalid })
  return { address }
}
