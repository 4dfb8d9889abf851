import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'

/** Collects the description of every route that is registered after it, as OpenAPI 3.1. */
export async function describeRoutes(server: FastifyInstance, version: string): Promise<void> {
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'The auth service',
        version,
        description:
          'Accounts, their confirmation by letter, sessions and access tokens. JSON in and out, times in UTC; ' +
          'errors are RFC 9457 problem documents with a stable `code`, and those of `/oauth2` follow RFC 6749. ' +
          'Every answer carries `x-request-id`.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      tags: [
        { name: 'Accounts', description: 'Sign up, sign in, read the own account' },
        { name: 'Confirmation', description: 'Prove that the address is yours' },
        { name: 'OAuth', description: 'Tokens, as RFC 6749, 7009, 7517 and 8414 describe them' },
        { name: 'Operation', description: 'For whoever runs the service' },
      ],
      components: {
        securitySchemes: {
          accessToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
          confirmationTicket: { type: 'http', scheme: 'bearer', bearerFormat: 'authsvc_ct_…' },
        },
      },
    },
    refResolver: { buildLocalReference: (json, _base, _fragment, index) => String(json.$id ?? `schema-${index}`) },
  })
}

/** Serves the description. */
export function openapiRoute(server: FastifyInstance): void {
  let description: Buffer | undefined
  server.get('/openapi.json', { schema: { hide: true } }, async (_request, reply) => {
    description ??= Buffer.from(JSON.stringify(server.swagger())) // all routes are there once the first request is
    return reply.header('cache-control', 'no-cache').type('application/json; charset=utf-8').send(description)
  })
}
