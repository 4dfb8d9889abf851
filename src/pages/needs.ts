import type { FastifyReply } from 'fastify'
import type { AuthenticateNeeds } from '../accounts/authenticate.ts'
import type { CreateAccountNeeds } from '../accounts/create-account.ts'
import type { MakeDeviceKnownNeeds } from '../accounts/make-device-known.ts'
import type { ReadOwnAccountNeeds } from '../accounts/read-own-account.ts'
import type { ConfirmNeeds } from '../confirmation/confirm.ts'
import type { HeldRefusals } from '../http/held-refusals.ts'
import type { MailboxReader } from './mailbox.ts'
import type { PageCookies } from './shell/cookies.ts'
import type { GuardNeeds } from './shell/guard.ts'
import type { PageProblems } from './shell/page-problem.ts'

type Areas = CreateAccountNeeds & AuthenticateNeeds & MakeDeviceKnownNeeds & ReadOwnAccountNeeds & ConfirmNeeds

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
    /** Where refusals that say when to come again wait, if they are many. */
    heldRefusals: HeldRefusals
    /** The process's clock, in milliseconds. */
    now: () => number
  }

export type PagesNeeds = PagesOptions & {
  cookies: PageCookies
  /** Answers a refused form with the form again and what was wrong; any other error goes on. */
  answerFault(reply: FastifyReply, error: unknown, view: (explanation: string) => string): Promise<FastifyReply>
}
