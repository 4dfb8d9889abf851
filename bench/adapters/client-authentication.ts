/** HTTP Basic authentication of a client; both parts are form-encoded before they are joined: RFC 6749, section 2.3.1. */
export const basic = (id: string, secret: string): string =>
  `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`
