/** The token of an `authorization: Bearer …` header (RFC 6750 section 2.1); undefined where there is none. */
export function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer ([A-Za-z0-9._~+/-]{1,8000}=*)$/i.exec(authorization ?? '')?.[1]
}
