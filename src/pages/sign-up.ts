import { UNCONFIRMED_FOR } from '../accounts/account-store.ts'
import { createAccount } from '../accounts/create-account.ts'
import { type Form, fieldOf } from '../http/body.ts'
import { html } from '../http/html.ts'
import { languageFor } from '../http/language.ts'
import { networkOf } from '../http/network.ts'
import type { HttpServer } from '../http/server.ts'
import type { PagesNeeds } from './needs.ts'
import { alert, emailField, layout, passwordField } from './shell/layout.ts'

/** `/sign-up`: the ticket of the sign-up goes into a cookie, so that for an hour the link in the email takes one click. */
export function signUpPage(server: HttpServer, needs: PagesNeeds): void {
  const page = (email?: string, fault?: string) =>
    layout({
      title: 'Sign up',
      body: html`${alert(fault)}
<form method="post" action="/sign-up">
${emailField(email)}
${passwordField('new-password', needs.policy.minLength)}
<button>Sign up</button>
</form>
<p>You have an account? <a href="/sign-in">Sign in</a></p>`,
    })

  server.get('/sign-up', async (_request, reply) => reply.send(page()))

  server.post('/sign-up', async (request, reply) => {
    const form = request.body as Form | undefined
    const email = fieldOf(form, 'email') ?? ''
    try {
      const { ticket } = await createAccount(needs, {
        email,
        password: fieldOf(form, 'password') ?? '',
        locale: languageFor(request.headers['accept-language']),
        network: networkOf(request.ip),
      })
      needs.cookies.set(reply, 'ticket', ticket, UNCONFIRMED_FOR)
      return reply.redirect('/confirm', 303)
    } catch (error) {
      return needs.answerFault(reply, error, text => page(email, text))
    }
  })
}
