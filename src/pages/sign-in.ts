import { authenticate } from '../accounts/authenticate.ts'
import { type Form, fieldOf } from '../http/body.ts'
import { html } from '../http/html.ts'
import { networkOf } from '../http/network.ts'
import type { HttpServer } from '../http/server.ts'
import type { PagesNeeds } from './needs.ts'
import { alert, emailField, layout, passwordField } from './shell/layout.ts'

export const DEVICE_REMEMBERED_FOR = 180 * 86_400 // seconds

/** `/sign-in` and `/sign-out`: the refresh token goes into a cookie that scripts cannot read, and away again. */
export function signInPage(server: HttpServer, needs: PagesNeeds): void {
  server.get('/sign-in', async (_request, reply) => reply.send(signInForm()))

  server.post('/sign-in', async (request, reply) => {
    const form = request.body as Form | undefined
    const email = fieldOf(form, 'email') ?? ''
    try {
      const password = fieldOf(form, 'password') ?? ''
      const session = await authenticate(needs, {
        email,
        password,
        network: networkOf(request.ip),
        deviceToken: needs.cookies.read(request, 'device_token'),
      })
      needs.cookies.clear(reply, 'access_token')
      needs.cookies.set(reply, 'device_token', session.deviceToken, DEVICE_REMEMBERED_FOR)
      needs.cookies.set(
        reply,
        'refresh_token',
        session.refreshToken,
        (session.expiresAt.getTime() - needs.now()) / 1_000,
      )
      return reply.redirect(needs.appUrl ?? '/account', 303)
    } catch (error) {
      return needs.answerFault(reply, error, text => signInForm({ email, fault: text }))
    }
  })

  server.post('/sign-out', async (request, reply) => {
    const refreshToken = needs.cookies.read(request, 'refresh_token')
    if (refreshToken) await needs.sessions.revoke(refreshToken, networkOf(request.ip))
    needs.cookies.clear(reply, 'refresh_token', 'access_token')
    return reply.redirect('/', 303)
  })
}

/** The form, with what was wrong before. */
export function signInForm({ email, fault }: { email?: string; fault?: string } = {}): string {
  return layout({
    title: 'Sign in',
    body: html`${alert(fault)}
<form method="post" action="/sign-in">
${emailField(email)}
${passwordField('current-password')}
<button>Sign in</button>
</form>
<p>No account yet? <a href="/sign-up">Sign up</a></p>
<p>No letter, or its link has expired? <a href="/confirm">Ask for another letter</a></p>`,
  })
}
