import type {} from '@fastify/cookie' // gives requests and replies their cookies
import type { FastifyReply, FastifyRequest } from 'fastify'

export type CookieName = 'refresh_token' | 'access_token' | 'ticket' | 'device_token'

/** The cookies of the pages. None can be read by scripts, and none is sent along when another site posts a form. */
export class PageCookies {
  readonly #publicUrl: () => string

  constructor(publicUrl: () => string) {
    this.#publicUrl = publicUrl
  }

  read(request: FastifyRequest, name: CookieName): string | undefined {
    return request.cookies[this.#nameOf(name)]
  }

  /** @param maxAge seconds */
  set(reply: FastifyReply, name: CookieName, value: string, maxAge: number): void {
    reply.setCookie(this.#nameOf(name), value, { ...this.#attributes(), maxAge: Math.max(0, Math.floor(maxAge)) })
  }

  clear(reply: FastifyReply, ...names: CookieName[]): void {
    for (const name of names) reply.setCookie(this.#nameOf(name), '', { ...this.#attributes(), maxAge: 0 })
  }

  // __Host-: only over https, for this host alone (RFC 6265bis section 4.1.3.2).
  #nameOf(name: CookieName): string {
    return this.#isSecure() ? `__Host-auth_${name}` : `auth_${name}`
  }

  #attributes() {
    return { httpOnly: true, sameSite: 'lax', path: '/', secure: this.#isSecure() } as const
  }

  #isSecure(): boolean {
    return this.#publicUrl().startsWith('https:')
  }
}
