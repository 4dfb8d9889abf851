import { errorCodes, type FastifyInstance } from 'fastify'

const MOST_FIELDS = 100 // of a form; no page and no client sends ten

/** The fields of a form; an array where one was sent more than once. */
export type Form = Record<string, string | string[]>

/** Lets a scope take `application/x-www-form-urlencoded` bodies of at most 100 fields, and no other bodies. */
export function acceptForms(
  scope: Pick<FastifyInstance, 'removeAllContentTypeParsers' | 'addContentTypeParser'>,
): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
    // Before anything is parsed: a field costs many times what its characters do.
    if ((body as string).split('&', MOST_FIELDS + 1).length > MOST_FIELDS)
      done(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE())
    else done(null, parseForm(body as string))
  })
}

function parseForm(text: string): Form {
  const form: Form = Object.create(null)
  for (const [name, value] of new URLSearchParams(text)) {
    const before = form[name]
    form[name] = before === undefined ? value : [before, value].flat()
  }
  return form
}

/** A field that was sent once; an empty one counts as not sent (RFC 6749 section 3.2). */
export function fieldOf(form: Form | undefined | null, name: string): string | undefined {
  const value = form?.[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/**
 * Takes JSON bodies that are UTF-8 (RFC 8259 section 8.1). Node would put U+FFFD in the place of bytes that are not, in
 * silence, and so make one password of many.
 */
export function acceptJson(server: Pick<FastifyInstance, 'addContentTypeParser' | 'getDefaultJsonParser'>): void {
  const parse = server.getDefaultJsonParser('error', 'error')
  const decoder = new TextDecoder('utf-8', { fatal: true })
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    let text: string
    try {
      text = decoder.decode(body as Buffer)
    } catch {
      return done(new SyntaxError('The body is not UTF-8'))
    }
    void parse(request, text, done)
  })
}
