import type { Language } from './language.ts'

// Making a format takes longer than all the rest of an email, and would hold up the start.
const formats = new Map<Language, Intl.DateTimeFormat>()

/** A date and time for a person, in UTC. */
export function momentIn(language: Language, at: Date): string {
  const format =
    formats.get(language) ??
    new Intl.DateTimeFormat(language, { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' })
  formats.set(language, format)
  return `${format.format(at)} UTC`
}
