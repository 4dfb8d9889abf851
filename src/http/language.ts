/** The languages that the service speaks. */
export const LANGUAGES = ['en', 'ru'] as const
export type Language = (typeof LANGUAGES)[number]

/**
 * The language for a BCP 47 tag or an `accept-language` header (RFC 9110 section 12.5.4): the supported one of the
 * highest weight, English otherwise.
 */
export function languageFor(preference: string | undefined): Language {
  const ranked = (preference ?? '')
    .slice(0, 500)
    .split(',')
    .map(range => {
      const [tag = '', ...parameters] = range.trim().toLowerCase().split(';')
      const weight = Number(
        parameters
          .map(each => each.trim())
          .find(each => each.startsWith('q='))
          ?.slice(2) ?? 1,
      )
      return { language: LANGUAGES.find(each => tag.split(/[-_]/, 1)[0] === each), weight }
    })
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight)
  return ranked.find(({ language }) => language !== undefined)?.language ?? 'en'
}

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
