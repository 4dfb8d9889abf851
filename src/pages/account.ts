import type { FastifyReply, FastifyRequest } from 'fastify'
import { AccountRefusal } from '../accounts/errors.ts'
import { readOwnAccount } from '../accounts/read-own-account.ts'
import { html } from '../http/html.ts'
import { networkOf } from '../http/network.ts'
import type { HttpServer } from '../http/server.ts'
import { GRANT_REFUSALS } from '../sessions/oauth-error.ts'
import type { PagesNeeds } from './needs.ts'
import { layout } from './shell/layout.ts'
import { signInForm } from './sign-in.ts'

type OwnAccount = Awaited<ReturnType<typeof readOwnAccount>>

/**
 * `/account`: the signed-in person's own account.
 *
 * The access token in its cookie is asked first; only when it has run out is the refresh token exchanged. That happens
 * on a GET, since it has to work without scripts; it changes nothing that anybody sees, and repeating it is safe. A
 * HEAD has no use for the account, so none is answered.
 */
export function accountPage(server: HttpServer, needs: PagesNeeds): void {
  server.get('/account', { exposeHeadRoute: false }, async (request, reply) => {
    const account = (await byAccessToken(needs, request)) ?? (await byRefreshToken(needs, request, reply))
    if ('refused' in account) {
      needs.cookies.clear(reply, 'refresh_token', 'access_token')
      return account.refused === undefined
        ? reply.redirect('/sign-in', 303)
        : reply.code(401).send(signInForm({ fault: account.refused }))
    }
    return reply.send(accountView(account, needs.appUrl))
  })
}

async function byAccessToken(needs: PagesNeeds, request: FastifyRequest): Promise<OwnAccount | undefined> {
  return ownAccount(needs, needs.cookies.read(request, 'access_token'))
}

async function byRefreshToken(
  needs: PagesNeeds,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<OwnAccount | { refused: string | undefined }> {
  const refreshToken = needs.cookies.read(request, 'refresh_token')
  if (refreshToken === undefined) return { refused: undefined }
  const exchange = await needs.sessions.exchange(refreshToken, networkOf(request.ip))
  if ('refused' in exchange) return { refused: GRANT_REFUSALS[exchange.refused] }
  needs.cookies.set(reply, 'access_token', exchange.accessToken, exchange.expiresIn)
  needs.cookies.set(reply, 'refresh_token', exchange.refreshToken, needs.refreshIdleTtl)
  return (await ownAccount(needs, exchange.accessToken)) ?? { refused: undefined }
}

async function ownAccount(needs: PagesNeeds, accessToken: string | undefined): Promise<OwnAccount | undefined> {
  try {
    return await readOwnAccount(needs, accessToken)
  } catch (error) {
    if (error instanceof AccountRefusal) return undefined
    throw error
  }
}

const accountView = ({ id, email, confirmedAt }: OwnAccount, appUrl: string | undefined) =>
  layout({
    title: 'Your account',
    body: html`<dl>
<dt>E-mail address</dt><dd>${email}</dd>
<dt>Account</dt><dd>${id}</dd>
<dt>Confirmed</dt><dd>${confirmedAt?.toISOString()}</dd>
</dl>
${appUrl && html`<p><a href="${appUrl}">Go on</a></p>`}
<form method="post" action="/sign-out"><button class="plain">Sign out</button></form>`,
  })
