const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
}

/** Text as it may stand in HTML, in an element or in a quoted attribute. */
export const escaped = (text: string): string => text.replace(/[&<>"'`]/g, character => ENTITIES[character]!)

/** A piece of HTML; whatever else is put into a template is escaped. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  toString(): string {
    return this.text
  }
}

/** HTML from a template: values are escaped, arrays joined, `undefined`, `null` and `false` left out. */
export function html(strings: TemplateStringsArray, ...values: unknown[]): Html {
  return new Html(strings.reduce((text, string, index) => text + pieceOf(values[index - 1]) + string))
}

function pieceOf(value: unknown): string {
  if (value instanceof Html) return value.text
  if (Array.isArray(value)) return value.map(pieceOf).join('')
  return value === undefined || value === null || value === false ? '' : escaped(String(value))
}
