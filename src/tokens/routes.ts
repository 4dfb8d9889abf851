import { Type } from 'typebox'
import type { HttpServer } from '../http/server.ts'
import type { SigningKeys } from './signing-keys.ts'

const MAX_AGE = 300 // seconds; a key is published three times as long before it signs

/** `/.well-known/jwks.json` (RFC 7517 section 5). */
export function tokenRoutes(server: HttpServer, { keys }: { keys: SigningKeys }): void {
  server.get(
    '/.well-known/jwks.json',
    {
      schema: {
        operationId: 'readSigningKeys',
        summary: 'The keys that verify access tokens',
        tags: ['OAuth'],
        response: {
          200: Type.Object(
            { keys: Type.Array(Type.Record(Type.String(), Type.Any())) },
            { description: 'A JWK Set, RFC 7517 section 5' },
          ),
        },
      },
    },
    async (_request, reply) => {
      reply.header('cache-control', `public, max-age=${MAX_AGE}`)
      return { keys: [...keys.jwks.keys] }
    },
  )
}
