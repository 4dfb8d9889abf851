import { Type } from 'typebox'
import type { HttpServer } from '../http/server.ts'

const Metadata = Type.Object(
  {
    issuer: Type.String(),
    token_endpoint: Type.String(),
    revocation_endpoint: Type.String(),
    jwks_uri: Type.String(),
    grant_types_supported: Type.Array(Type.String()),
    response_types_supported: Type.Array(Type.String()),
    token_endpoint_auth_methods_supported: Type.Array(Type.String()),
    revocation_endpoint_auth_methods_supported: Type.Array(Type.String()),
    service_documentation: Type.String(),
  },
  { description: 'RFC 8414 section 3.2' },
)

/** `/.well-known/oauth-authorization-server` (RFC 8414 section 3). */
export function metadataRoute(server: HttpServer, { publicUrl }: { publicUrl: () => string }): void {
  server.get(
    '/.well-known/oauth-authorization-server',
    {
      schema: {
        operationId: 'readMetadata',
        summary: 'What this authorization server can do',
        tags: ['OAuth'],
        response: { 200: Metadata },
      },
    },
    async (_request, reply) => {
      const issuer = publicUrl()
      reply.header('cache-control', 'public, max-age=300')
      return {
        issuer,
        token_endpoint: `${issuer}/oauth2/token`,
        revocation_endpoint: `${issuer}/oauth2/revoke`,
        jwks_uri: `${issuer}/.well-known/jwks.json`,
        grant_types_supported: ['refresh_token'],
        response_types_supported: [],
        token_endpoint_auth_methods_supported: ['none'],
        revocation_endpoint_auth_methods_supported: ['none'],
        service_documentation: `${issuer}/docs`,
      }
    },
  )
}
