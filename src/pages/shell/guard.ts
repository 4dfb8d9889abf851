import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Refusal } from '../../http/problem.ts'

export type GuardNeeds = {
  publicUrl: () => string
  /** Whether a host can be reached from this machine only. */
  isLoopback(host: string): boolean
  /** Origin that a form may lead to besides our own. */
  appUrl: string | undefined
}

/** What every page has in common: its headers, one origin on this machine, and forms from this very site only. */
export function guardPages(scope: FastifyInstance, needs: GuardNeeds): void {
  const policy = pagePolicy(needs.appUrl)
  scope.addHook('onRequest', async (request, reply) => {
    reply.header('content-security-policy', policy)
    // With no-referrer, browsers that know no Sec-Fetch-Site would send forms with "Origin: null".
    if (!('token' in (request.query as object))) reply.header('referrer-policy', 'same-origin')
    if (request.method === 'POST') refuseOtherSites(request, needs.publicUrl())
    else return leadToPublicOrigin(request, reply, needs)
  })
}

function pagePolicy(appUrl: string | undefined): string {
  const app = appUrl ? ` ${new URL(appUrl).origin}` : ''
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    'img-src data:',
    "frame-src 'self'",
    `form-action 'self'${app}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ')
}

// Fetch Metadata tells it; older browsers send an Origin with each POST.
function refuseOtherSites({ headers }: FastifyRequest, publicUrl: string): void {
  const site = headers['sec-fetch-site']
  const isOwn = site === undefined ? headers.origin === publicUrl : site === 'same-origin'
  if (!isOwn) throw new Refusal('cross_site')
}

// On 127.0.0.1 the cookies of localhost are missing, and the other way round.
async function leadToPublicOrigin(request: FastifyRequest, reply: FastifyReply, needs: GuardNeeds) {
  const { host = '' } = request.headers
  const publicUrl = new URL(needs.publicUrl())
  if (host === publicUrl.host || !needs.isLoopback(publicUrl.hostname)) return
  const hostname = URL.parse(`http://${host}`)?.hostname
  if (hostname === undefined || !needs.isLoopback(hostname)) return
  const target = URL.parse(request.url, publicUrl) // has an origin of its own in absolute form (RFC 9112 section 3.2.2)
  if (!target) throw new Refusal('bad_request')
  return reply.redirect(publicUrl.origin + target.pathname + target.search, 307)
}
