import type { FastifyRequest } from 'fastify'
import type { Account } from '../accounts/account-store.ts'
import { confirm, signUpOf } from '../confirmation/confirm.ts'
import { type Form, fieldOf } from '../http/form.ts'
import { html } from '../http/html.ts'
import { networkOf } from '../http/network.ts'
import type { HttpServer } from '../http/server.ts'
import type { PagesNeeds } from './needs.ts'
import { alert, layout, passwordField } from './shell/layout.ts'
import { waitingView } from './waiting.ts'

/**
 * `/confirm`: what the link in the letter opens. Opening it only reads. In the browser that signed up a click confirms,
 * since its cookie holds the ticket; any other is asked for the password. Without a token it shows how far the
 * confirmation is.
 */
export function confirmPage(server: HttpServer, needs: PagesNeeds): void {
  server.get('/confirm', async (request, reply) => {
    const { token } = request.query as { token?: unknown }
    if (typeof token !== 'string') return reply.send(await waitingView(needs, request))
    const { account } = await signUpOf(needs, token, networkOf(request.ip))
    if (account.confirmedAt) return reply.send(confirmedView(account.email, needs.appUrl))
    return reply.send(confirmForm({ account, token, isOwn: isOwnSignUp(needs, request, account) }))
  })

  server.post('/confirm', async (request, reply) => {
    const form = request.body as Form | undefined
    const token = fieldOf(form, 'token') ?? ''
    const { account } = await signUpOf(needs, token, networkOf(request.ip))
    const isOwn = isOwnSignUp(needs, request, account)
    try {
      const ticket = isOwn ? needs.cookies.read(request, 'ticket') : undefined
      const password = isOwn ? undefined : fieldOf(form, 'password')
      const { email } = await confirm(needs, { token, ticket, password, network: networkOf(request.ip) })
      return reply.send(confirmedView(email, needs.appUrl))
    } catch (error) {
      return needs.answerFault(reply, error, text => confirmForm({ account, token, isOwn, fault: text }))
    }
  })
}

function isOwnSignUp(needs: PagesNeeds, request: FastifyRequest, account: Account): boolean {
  return needs.tickets.open(needs.cookies.read(request, 'ticket') ?? '') === account.id
}

const confirmForm = (view: { account: Account; token: string; isOwn: boolean; fault?: string }) =>
  layout({
    title: 'Confirm your address',
    script: '/assets/confirm.js',
    body: html`${alert(view.fault)}
<p>This confirms <strong>${view.account.email}</strong>.</p>
<form method="post" action="/confirm">
<input type="hidden" name="token" value="${view.token}">
${
  view.isOwn
    ? undefined
    : html`<p>You signed up in another browser. Please enter the password that you chose there.</p>
${passwordField('current-password')}`
}
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
