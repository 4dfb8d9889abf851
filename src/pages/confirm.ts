import type { FastifyRequest } from 'fastify'
import { type Account, wasCreatedWithin } from '../accounts/account-store.ts'
import { confirm, signUpOf } from '../confirmation/confirm.ts'
import { type Form, fieldOf } from '../http/body.ts'
import { html } from '../http/html.ts'
import { momentIn } from '../http/language.ts'
import { networkOf } from '../http/network.ts'
import type { HttpServer } from '../http/server.ts'
import type { PagesNeeds } from './needs.ts'
import { alert, layout, passwordField } from './shell/layout.ts'
import { waitingView } from './waiting.ts'

const ONE_CLICK_FOR = 3_600 // seconds after the sign-up

/**
 * `/confirm`: what the link in the letter opens. Opening it only reads. In the browser that signed up a click confirms
 * for an hour, since its cookie holds the ticket; later, and in any other, the password is asked for. By then somebody
 * else may have the browser, or the person may click without a thought for a sign-up that was not theirs. Without a token it shows how far the
 * confirmation is.
 */
export function confirmPage(server: HttpServer, needs: PagesNeeds): void {
  server.get('/confirm', async (request, reply) => {
    const { token } = request.query as { token?: unknown }
    if (typeof token !== 'string') return reply.send(await waitingView(needs, request))
    const { account } = await signUpOf(needs, token, networkOf(request.ip))
    if (account.confirmedAt) return reply.send(confirmedView(account.email, needs.appUrl))
    return reply.send(confirmForm({ account, token, proof: await proofIn(needs, request, account) }))
  })

  server.post('/confirm', async (request, reply) => {
    const form = request.body as Form | undefined
    const token = fieldOf(form, 'token') ?? ''
    const { account } = await signUpOf(needs, token, networkOf(request.ip))
    const proof = await proofIn(needs, request, account)
    try {
      const ticket = proof === 'click' ? needs.cookies.read(request, 'ticket') : undefined
      const password = proof === 'click' ? undefined : fieldOf(form, 'password')
      const { email } = await confirm(needs, { token, ticket, password, network: networkOf(request.ip) })
      return reply.send(confirmedView(email, needs.appUrl))
    } catch (error) {
      return needs.answerFault(reply, error, text => confirmForm({ account, token, proof, fault: text }))
    }
  })
}

/** How the sign-up is proved in this browser. */
type Proof = 'click' | 'password, since it was long ago' | 'password, since it was elsewhere'

async function proofIn(needs: PagesNeeds, request: FastifyRequest, { id }: Account): Promise<Proof> {
  if ((await needs.tickets.open(needs.cookies.read(request, 'ticket') ?? '')) !== id)
    return 'password, since it was elsewhere'
  if (!(await wasCreatedWithin(needs.database, id, ONE_CLICK_FOR))) return 'password, since it was long ago'
  return 'click'
}

const WORDS: Record<Proof, string> = {
  click: 'The sign-up was made in this browser.',
  'password, since it was long ago':
    'The sign-up was made in this browser, but more than an hour ago. Please enter the password that was chosen then.',
  'password, since it was elsewhere':
    'The sign-up was made in another browser. Please enter the password that was chosen there.',
}

const confirmForm = (view: { account: Account; token: string; proof: Proof; fault?: string }) =>
  layout({
    title: 'Confirm your address',
    script: '/assets/confirm.js',
    body: html`${alert(view.fault)}
<p>This confirms the sign-up of <strong>${view.account.email}</strong> on ${momentIn('en', view.account.createdAt)}.
${WORDS[view.proof]}</p>
<form method="post" action="/confirm">
<input type="hidden" name="token" value="${view.token}">
${view.proof === 'click' ? undefined : passwordField('current-password')}
<button>Confirm the address</button>
</form>
<p>If you did not sign up yourself, close this page: nothing was confirmed.</p>
<p><a href="/confirm">Ask for another letter</a></p>`,
  })

const confirmedView = (email: string, appUrl: string | undefined) =>
  layout({
    title: 'The address is confirmed',
    script: '/assets/confirm.js',
    body: html`<p class="notice"><strong>${email}</strong> is confirmed.</p>
<p><a href="/sign-in">Sign in</a></p>
${appUrl && html`<p><a href="${appUrl}">Go on</a></p>`}`,
  })
