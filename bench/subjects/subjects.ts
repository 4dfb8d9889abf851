import { authService } from './auth-service/subject.ts'
import { betterAuthOAuth, betterAuthSession } from './better-auth/subject.ts'
import { ceiling } from './ceiling/subject.ts'
import { oidcProvider } from './oidc-provider/subject.ts'
import type { Subject } from './subject.ts'

/** What is measured, in the order of the document. */
export const SUBJECTS: readonly Subject[] = [ceiling, authService, betterAuthSession, betterAuthOAuth, oidcProvider]
