import cookie from '@fastify/cookie'
import { acceptForms } from '../http/body.ts'
import { HTTP_PROBLEMS } from '../http/problem.ts'
import { refusalOf } from '../http/refusal-of.ts'
import type { HttpServer } from '../http/server.ts'
import { accountPage } from './account.ts'
import { confirmPage } from './confirm.ts'
import { devicePage } from './device.ts'
import { homePage } from './home.ts'
import type { PagesNeeds, PagesOptions } from './needs.ts'
import { assetRoutes } from './shell/assets.ts'
import { PageCookies } from './shell/cookies.ts'
import { guardPages } from './shell/guard.ts'
import { answerPageError, explanationOf, tellRetryAfter } from './shell/page-problem.ts'
import { signInPage } from './sign-in.ts'
import { signUpPage } from './sign-up.ts'
import { letterRequests } from './waiting.ts'

// No character of our cookies needs an escape, and to find that thousands of them cannot be decoded takes 40 ms.
const AS_THEY_ARE = { encode: (value: string) => value, decode: (value: string) => value }

/** The pages, for people without an application in between. They work without scripts, and no GET changes anything. */
export async function pageRoutes(server: HttpServer, options: PagesOptions): Promise<void> {
  const problems = { ...HTTP_PROBLEMS, ...options.problems }
  const needs: PagesNeeds = {
    ...options,
    cookies: new PageCookies(options.publicUrl),
    async answerFault(reply, error, view) {
      const refusal = refusalOf(error, options.isUnavailable)
      if (refusal.code === 'internal_error' || refusal.code === 'confirmation_unknown') throw error
      const { status, text } = explanationOf(refusal, problems)
      if (refusal.facts.retryAfter !== undefined) await options.heldRefusals.wait()
      tellRetryAfter(reply, refusal, status)
      return reply.code(status).send(view(text))
    },
  }
  await server.register(cookie, { parseOptions: AS_THEY_ARE })
  acceptForms(server)
  guardPages(server, options)
  server.setErrorHandler(answerPageError({ ...options, problems }))
  server.addHook('onRoute', route => {
    route.schema = { ...route.schema, hide: true } // the reference is about the interface
  })
  server.addHook('onRequest', async (_request, reply) => {
    reply.type('text/html; charset=utf-8')
  })
  assetRoutes(server)
  homePage(server, needs)
  if (options.modules.has('accounts')) {
    signUpPage(server, needs)
    signInPage(server, needs)
    devicePage(server, needs)
    accountPage(server, needs)
  }
  if (options.modules.has('confirmation')) {
    confirmPage(server, needs)
    letterRequests(server, needs)
  }
  const { mailbox } = options
  if (mailbox) (await import('./mailbox.ts')).mailboxPages(server, { ...options, mailbox }) // loaded where it is used only
}
