import type { FastifyInstance } from 'fastify'

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
