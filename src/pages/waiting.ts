import type { FastifyRequest } from 'fastify'
import { FIELD_FAULTS } from '../accounts/errors.ts'
import { ConfirmationRefusal } from '../confirmation/errors.ts'
import { requestLetter } from '../confirmation/letters/request-letter.ts'
import { type ConfirmationStatus, readStatus } from '../confirmation/read-status.ts'
import { canonicalEmailAddress } from '../email/address.ts'
import { type Form, fieldOf } from '../http/body.ts'
import { type Html, html } from '../http/html.ts'
import { networkOf } from '../http/network.ts'
import { invalidRequest } from '../http/problem.ts'
import type { HttpServer } from '../http/server.ts'
import type { PagesNeeds } from './needs.ts'
import { alert, emailField, layout } from './shell/layout.ts'

const WORDS: Record<ConfirmationStatus['state'], string> = {
  queued: 'A letter with a confirmation link is on its way to you.',
  sent:
    'A letter with a confirmation link was sent. Open the link to confirm the address. It can take a while to arrive, ' +
    'an hour or more if many letters to this address were asked for.',
  undeliverable: 'The letter could not be delivered: the mail server refused the address. Check it and sign up again.',
  confirmed: 'The address is confirmed.',
  expired: 'The link in the letter has expired. Ask for another letter, or sign up again.',
}

/** Seconds until the page looks again. */
const LOOKS_AGAIN: Partial<Record<ConfirmationStatus['state'], number>> = { queued: 3, sent: 10 }

/** How far the confirmation of this browser's sign-up is; where there was none, a form to ask for a letter. */
export async function waitingView(needs: PagesNeeds, request: FastifyRequest): Promise<string> {
  const status = await statusOf(needs, request)
  if (!status) return askForm()
  const { state } = status
  return layout({
    title: state === 'confirmed' ? 'The address is confirmed' : 'Confirm your address',
    refreshAfter: LOOKS_AGAIN[state],
    body: html`<p class="notice" role="status">${WORDS[state]}</p>
${state === 'confirmed' ? html`<p><a href="/sign-in">Sign in</a></p>` : anotherLetter(needs)}`,
  })
}

const anotherLetter = ({ mailbox }: PagesNeeds): Html => html`
${mailbox && html`<p>This service has a <a href="/mailbox">mailbox of its own</a> for trying things out.</p>`}
<form method="post" action="/confirm/letter"><button class="plain">Send another letter</button></form>
<p><a href="/sign-up">Sign up again</a>, for another address or password</p>`

const askForm = (email?: string, fault?: string): string =>
  layout({
    title: 'Ask for another letter',
    body: html`${alert(fault)}
<form method="post" action="/confirm/letter">
${emailField(email)}
<button>Send another letter</button>
</form>
<p><a href="/sign-up">Sign up</a> · <a href="/sign-in">Sign in</a></p>`,
  })

/** `/confirm/letter`: asks for another letter, for this browser's sign-up or for an address. */
export function letterRequests(server: HttpServer, needs: PagesNeeds): void {
  server.post('/confirm/letter', async (request, reply) => {
    const network = networkOf(request.ip)
    const email = fieldOf(request.body as Form | undefined, 'email')
    const accountId = await needs.tickets.open(needs.cookies.read(request, 'ticket') ?? '')
    try {
      if (email === undefined && accountId) {
        await requestLetter(needs, { accountId }, network)
        return reply.redirect('/confirm', 303)
      }
      const address = canonicalEmailAddress(email ?? '')
      if (!address)
        throw invalidRequest({ pointer: '/email', code: 'email_invalid', detail: FIELD_FAULTS.email_invalid })
      await requestLetter(needs, { address }, network)
      return reply.code(202).send(askedView(address))
    } catch (error) {
      return needs.answerFault(reply, error, text => askForm(email, text))
    }
  })
}

const askedView = (address: string): string =>
  layout({
    title: 'Look into your mailbox',
    body: html`<p class="notice">If somebody signed up with <strong>${address}</strong>, a letter is on its way there.</p>
<p><a href="/sign-in">Sign in</a></p>`,
  })

async function statusOf(needs: PagesNeeds, request: FastifyRequest): Promise<ConfirmationStatus | undefined> {
  try {
    return await readStatus(needs, needs.cookies.read(request, 'ticket'), networkOf(request.ip))
  } catch (error) {
    if (error instanceof ConfirmationRefusal) return undefined
    throw error
  }
}
