import { makeDeviceKnown, readDeviceLink } from '../accounts/make-device-known.ts'
import { type Form, fieldOf } from '../http/body.ts'
import { html } from '../http/html.ts'
import { networkOf } from '../http/network.ts'
import { Refusal } from '../http/problem.ts'
import type { HttpServer } from '../http/server.ts'
import type { PagesNeeds } from './needs.ts'
import { layout } from './shell/layout.ts'
import { rememberDevice } from './sign-in.ts'

/**
 * `/device`: what a device link opens. Opening it only reads, since scanners open every link; the button uses it, and
 * this browser then gets past the limits that guesses have reached.
 */
export function devicePage(server: HttpServer, needs: PagesNeeds): void {
  server.get('/device', async (request, reply) => {
    const { token } = request.query as { token?: unknown }
    if (typeof token !== 'string') throw new Refusal('not_found')
    const email = await readDeviceLink(needs, token, networkOf(request.ip))
    return reply.send(
      layout({
        title: 'Allow sign-in from this browser',
        script: '/assets/confirm.js',
        body: html`<p>Too many wrong passwords were tried for <strong>${email}</strong>, so sign-in from new devices is paused.
This lets you sign in from this browser all the same, with your password.</p>
<form method="post" action="/device">
<input type="hidden" name="token" value="${token}">
<button>Allow this browser</button>
</form>
<p>If you are not trying to sign in, close this page.</p>`,
      }),
    )
  })

  server.post('/device', async (request, reply) => {
    const token = fieldOf(request.body as Form | undefined, 'token') ?? ''
    const deviceToken = await makeDeviceKnown(needs, token, networkOf(request.ip))
    await rememberDevice(needs, request, reply, deviceToken)
    return reply.redirect('/sign-in', 303)
  })
}
