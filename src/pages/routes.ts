import cookie from '@fastify/cookie'
import type { FastifyReply } from 'fastify'
import type { AuthenticateNeeds } from '../accounts/authenticate.ts'
import type { CreateAccountNeeds } from '../accounts/create-account.ts'
import type { ReadOwnAccountNeeds } from '../accounts/read-own-account.ts'
import type { ConfirmNeeds } from '../confirmation/confirm.ts'
import { acceptForms } from '../http/form.ts'
import { HTTP_PROBLEMS } from '../http/problem.ts'
import type { HttpServer } from '../http/server.ts'
import { accountPage } from './account.ts'
import { assetRoutes } from './assets.ts'
import { confirmPage } from './confirm.ts'
import { PageCookies } from './cookies.ts'
import { type GuardNeeds, guardPages } from './guard.ts'
import { homePage } from './home.ts'
import { type MailboxReader, mailboxPages } from './mailbox.ts'
import { answerPageError, explanationOf, type PageProblems, refusalOf } from './page-problem.ts'
import { signInPage } from './sign-in.ts'
import { signUpPage } from './sign-up.ts'
import { letterRequests } from './waiting.ts'

type Areas = CreateAccountNeeds & AuthenticateNeeds & ReadOwnAccountNeeds & ConfirmNeeds

export type PagesOptions = Areas &
  GuardNeeds & {
    /** Which modules' pages this process serves. */
    modules: ReadonlySet<'accounts' | 'confirmation'>
    serviceName: string
    /** Seconds that a refresh token's cookie is kept. */
    refreshIdleTtl: number
    /** The embedded mailbox, where letters go to it. */
    mailbox: MailboxReader | undefined
    /** Whether it is shown to others than this machine too. */
    mailboxForced: boolean
    /** What each code of each area means. */
    problems: PageProblems
    isUnavailable(error: unknown): boolean
    /** The process's clock, in milliseconds. */
    now: () => number
  }

export type PagesNeeds = PagesOptions & {
  cookies: PageCookies
  /** Answers a refused form with the form again and what was wrong; any other error goes on. */
  answerFault(reply: FastifyReply, error: unknown, view: (explanation: string) => string): FastifyReply
}

/** The pages, for people without an application in between. They work without scripts, and no GET changes anything. */
export async function pageRoutes(server: HttpServer, options: PagesOptions): Promise<void> {
  const problems = { ...HTTP_PROBLEMS, ...options.problems }
  const needs: PagesNeeds = {
    ...options,
    cookies: new PageCookies(options.publicUrl),
    answerFault(reply, error, view) {
      const refusal = refusalOf(error, options.isUnavailable)
      if (refusal.code === 'internal_error' || refusal.code === 'confirmation_unknown') throw error
      const { status, text } = explanationOf(refusal, problems)
      if (status === 503) reply.header('retry-after', refusal.facts.retryAfter ?? 1)
      return reply.code(status).send(view(text))
    },
  }
  await server.register(cookie)
  acceptForms(server)
  guardPages(server, options)
  server.setErrorHandler(answerPageError(problems, options.isUnavailable))
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
    accountPage(server, needs)
  }
  if (options.modules.has('confirmation')) {
    confirmPage(server, needs)
    letterRequests(server, needs)
  }
  const { mailbox } = options
  if (mailbox) mailboxPages(server, { ...options, mailbox })
}
