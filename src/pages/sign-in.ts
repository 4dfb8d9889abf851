import type { FastifyReply, FastifyRequest } from 'fastify'
import { authenticate } from '../accounts/authenticate.ts'
import { type Form, fieldOf } from '../http/body.ts'
import { html } from '../http/html.ts'
import { networkOf } from '../http/network.ts'
import type { HttpServer } from '../http/server.ts'
import type { PagesNeeds } from './needs.ts'
import { alert, emailField, layout, passwordField } from './shell/layout.ts'

const DEVICE_REMEMBERED_FOR = 180 * 86_400 // seconds
const MOST_DEVICE_TOKENS = 4 // of a browser, as many people use it: 400 bytes with each request
const BETWEEN_TOKENS = '~' // in none of them, and no cookie escapes it

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
        deviceTokens: deviceTokensOf(needs, request),
      })
      needs.cookies.clear(reply, 'access_token')
      await rememberDevice(needs, request, reply, session.deviceToken)
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

/**
 * Makes this browser known to one more account. Those that were known before stay so, the latest ones, each by the token that it
 * has: to make theirs anew would lengthen the life of one that was forged with a key that is retired later.
 */
export async function rememberDevice(
  needs: PagesNeeds,
  request: FastifyRequest,
  reply: FastifyReply,
  token: string,
): Promise<void> {
  const tokens = [token]
  const accounts = new Set([(await needs.devices.open(token))?.accountId])
  for (const other of deviceTokensOf(needs, request)) {
    const device = await needs.devices.open(other)
    if (!device || accounts.has(device.accountId)) continue
    tokens.push(other)
    accounts.add(device.accountId)
  }
  const value = tokens.slice(0, MOST_DEVICE_TOKENS).join(BETWEEN_TOKENS)
  needs.cookies.set(reply, 'device_token', value, DEVICE_REMEMBERED_FOR)
}

/** Newest first. They may be anything, as cookies are what the browser says. */
function deviceTokensOf({ cookies }: PagesNeeds, request: FastifyRequest): string[] {
  return cookies.read(request, 'device_token')?.split(BETWEEN_TOKENS, MOST_DEVICE_TOKENS) ?? []
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
