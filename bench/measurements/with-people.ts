import { adapterOf } from '../adapters/by-name.ts'
import type { Subject } from '../subjects/subject.ts'

/** Those whose people can sign up and in, and why the others are left out. */
export type WithPeople = { able: Subject[]; leftOut: string[] }

/** @param subjects as they were asked for */
export function withPeople(subjects: readonly Subject[]): WithPeople {
  const reasons = subjects.map(subject => ({ subject, reason: whyLeftOut(subject) }))
  return {
    able: reasons.filter(({ reason }) => reason === undefined).map(({ subject }) => subject),
    leftOut: reasons.flatMap(({ reason }) => (reason === undefined ? [] : [`Left out: ${reason}.`])),
  }
}

function whyLeftOut({ name, adapter, hasNoPeople }: Subject): string | undefined {
  const { signIn, signUp } = adapterOf(adapter)
  if (!signUp) return `${name} makes no account in one request`
  if (!signIn) return `${name} begins no session in one request`
  return hasNoPeople
}
