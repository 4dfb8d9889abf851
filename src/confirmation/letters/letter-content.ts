import { escaped } from '../../http/html.ts'
import { type Language, languageFor, momentIn } from '../../http/language.ts'
import { LETTER_TEXTS } from './letter-texts.ts'

/** What it is about: a link that confirms, that the address has an account already, or a link that makes a device known. */
export type LetterPurpose =
  | { kind: 'confirmation'; link: string; lifetime: number }
  | { kind: 'account-exists'; link: string }
  | { kind: 'device-link'; link: string; lifetime: number }

export type LetterContent = { subject: string; text: string; html: string; language: Language }

/**
 * A letter's words in the language of the account, as text and as HTML that says the same.
 *
 * Nothing in it comes from whoever signed up but the address, so that nobody can send their own words by us.
 * @param signUp.email the address that was signed up with
 */
export function composeLetter(
  purpose: LetterPurpose,
  signUp: { email: string; at: Date; locale: string; serviceName: string },
): LetterContent {
  const language = languageFor(signUp.locale)
  const texts = LETTER_TEXTS[language]
  const facts = { ...signUp, at: momentIn(language, signUp.at) }
  const { subject, greeting, before, action, after } =
    purpose.kind === 'account-exists'
      ? texts.accountExists(facts)
      : texts[TIMED[purpose.kind]]({ ...facts, hours: Math.max(1, Math.round(purpose.lifetime / 3_600)) })
  const text = [greeting, ...before, `${action}:\n${purpose.link}`, ...after].join('\n\n')
  const paragraphs = (lines: string[]) => lines.map(line => `<p>${escaped(line)}</p>`).join('\n')
  const html = `<!doctype html>
<html lang="${language}">
<meta charset="utf-8">
<title>${escaped(subject)}</title>
<body style="font: 16px/1.5 system-ui, sans-serif; max-width: 34em; margin: 2em auto; padding: 0 1em">
${paragraphs([greeting, ...before])}
<p><a href="${escaped(purpose.link)}">${escaped(action)}</a></p>
<p style="word-break: break-all">${escaped(purpose.link)}</p>
${paragraphs(after)}
</body>
</html>
`
  return { subject, text: `${text}\n`, html, language }
}

/** The words of links that expire. */
const TIMED = { confirmation: 'confirmation', 'device-link': 'deviceLink' } as const
