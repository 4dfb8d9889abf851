import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip as gzipWithCallback } from 'node:zlib'
import Fastify, { type FastifyInstance } from 'fastify'

const gzip = promisify(gzipWithCallback)

type Reference = { page: string; policy: string; script: Buffer; etag: string }

/**
 * The readable reference at `/docs`, by Scalar. It is rendered when it is first asked for, from the package's own
 * plugin, and then served by us: compressed, with an etag, under a policy that lets it load nothing from elsewhere.
 */
export function referenceRoutes(server: FastifyInstance): void {
  let reference: Promise<Reference> | undefined
  const prepared = () => (reference ??= prepare())

  server.get('/docs', { schema: { hide: true } }, async (_request, reply) => {
    const { page, policy } = await prepared()
    return reply
      .headers({ 'content-security-policy': policy, 'cache-control': 'no-cache' })
      .type('text/html; charset=utf-8')
      .send(page)
  })

  server.get('/docs/js/scalar.js', { schema: { hide: true } }, async (request, reply) => {
    const { script, etag } = await prepared()
    reply.headers({ etag, 'cache-control': 'no-cache', vary: 'accept-encoding' })
    if (request.headers['if-none-match'] === etag) return reply.code(304).send()
    return reply.header('content-encoding', 'gzip').type('text/javascript; charset=utf-8').send(script)
  })
}

async function prepare(): Promise<Reference> {
  const { default: scalar } = await import('@scalar/fastify-api-reference')
  const stage = Fastify()
  await stage.register(scalar, {
    routePrefix: '/docs',
    configuration: {
      url: '/openapi.json',
      withDefaultFonts: false,
      telemetry: false,
      showDeveloperTools: 'never',
      hideClientButton: true,
      agent: { disabled: true },
      mcp: { disabled: true },
    },
  })
  // The page is at /docs, not at /docs/, from where its relative path would lead elsewhere.
  const page = (await stage.inject('/docs/')).body
    .replace('src="js/scalar.js"', 'src="/docs/js/scalar.js"')
    .replace(/<title>[^<]*/, '<link rel="icon" href="data:,">\n<title>The auth service') // else browsers ask for /favicon.ico
  const script = (await stage.inject('/docs/js/scalar.js')).rawPayload
  await stage.close()
  const etag = `"${createHash('sha256').update(script).digest('base64url')}"`
  return { page, policy: policyFor(page), script: await gzip(script), etag }
}

function policyFor(page: string): string {
  const inline = [...page.matchAll(/<script(?! src=)[^>]*>([\s\S]*?)<\/script>/g)].map(
    ([, code]) => `'sha256-${createHash('sha256').update(code!).digest('base64')}'`,
  )
  return [
    "default-src 'none'",
    `script-src 'self' ${inline.join(' ')}`,
    "style-src 'self' 'unsafe-inline'", // Scalar writes its styles into the page
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "connect-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ')
}
