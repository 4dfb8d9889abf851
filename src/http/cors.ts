import cors, { type FastifyCorsOptions } from '@fastify/cors'
import type { FastifyInstance, FastifyRequest } from 'fastify'

/**
 * Who may call what from a browser, without credentials: the allowed origins `/v1` and `/oauth2`, everybody
 * `/.well-known`, which holds nothing secret, and nobody anything else.
 *
 * @param origins exact origins, such as `https://app.example.com`
 */
export async function allowCrossOrigin(server: FastifyInstance, origins: readonly string[]): Promise<void> {
  const forApplications: FastifyCorsOptions = {
    origin: origins.length > 0 ? [...origins] : false,
    methods: ['GET', 'POST'],
    allowedHeaders: ['authorization', 'content-type'],
    exposedHeaders: ['retry-after', 'x-request-id'],
    maxAge: 600, // seconds
    strictPreflight: false,
  }
  const forAll: FastifyCorsOptions = { origin: '*', methods: ['GET'], strictPreflight: false }
  const forNobody: FastifyCorsOptions = { origin: false }
  await server.register(cors, {
    delegator: (request: FastifyRequest, answer: (error: null, options: FastifyCorsOptions) => void) => {
      const area = request.url.split('/', 2)[1]
      answer(null, area === 'v1' || area === 'oauth2' ? forApplications : area === '.well-known' ? forAll : forNobody)
    },
  })
}
