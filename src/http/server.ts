import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { parse as parseQuery } from 'node:querystring'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
  type RawServerDefault,
} from 'fastify'
import { type Logger, onceAMinute } from '../log.ts'
import type { Counter } from '../metrics.ts'
import { allowedMethods, rememberRoutes } from './allowed-methods.ts'
import { acceptJson } from './body.ts'
import { answerClientError } from './connections/client-error.ts'
import { prepareListeningServers } from './connections/listening-servers.ts'
import { OpenConnections } from './connections/open-connections.ts'
import { PipeliningBound } from './connections/pipelined-requests.ts'
import type { HeldRefusals } from './held-refusals.ts'
import { parseIp } from './ip-address.ts'
import { HTTP_PROBLEMS, PROBLEM_MEDIA_TYPE, ProblemSchema, type ProblemType, problemOf, Refusal } from './problem.ts'
import { headersRefusal, refusalOf } from './refusal-of.ts'
import { readForwardedFor, TrustedProxies } from './trusted-proxies.ts'
import { takeTurns } from './turns.ts'

/** The HTTP server as areas see it: routes with schemas in TypeBox. */
export type HttpServer = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

export type HttpServerOptions = {
  logger: Logger
  /** Addresses and CIDR ranges whose `x-forwarded-for` is believed. */
  trustedProxies: readonly string[]
  /** Whether browsers should come by https alone, from their first visit on (RFC 6797). */
  isHttps: boolean
  /** What each code of each area means. */
  problems: Record<string, ProblemType>
  /** Whether an error means that something the service needs is away, so that trying again can help. */
  isUnavailable(error: unknown): boolean
  /** Where refusals that say when to come again wait, if they are many. */
  heldRefusals: HeldRefusals
  /** Counts connections that were closed before their time. */
  closedConnections: Counter<'reason'>
  /** Is told of each answer. */
  onAnswer(answer: { method: string; route: string; status: number; seconds: number }): void
}

const BODY_LIMIT = 16 * 1024 // bytes; the longest password and address take 5 KB with each character escaped
const MOST_PARAMETERS = 20 // of a query that are read; no page has more than one

/** An HTTP server without routes: strict validation, problem documents, request ids, security headers, access log. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { logger, trustedProxies, isHttps, problems, isUnavailable, heldRefusals, closedConnections, onAnswer } =
    options
  const proxies = new TrustedProxies(trustedProxies)
  const headersFor = (id: string) => commonHeaders(id, isHttps)
  const warnOfPipelining = onceAMinute((socket: Socket) =>
    logger.warn({ ip: parseIp(socket.remoteAddress ?? '') }, 'a connection with too many requests at once was closed'),
  )
  const pipelining = new PipeliningBound(socket => {
    closedConnections.inc({ reason: 'pipelined' })
    warnOfPipelining(socket)
  })
  const server = Fastify({
    loggerInstance: logger as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request' }), // its lines hold whole addresses, tokens included
    bodyLimit: BODY_LIMIT,
    routerOptions: { querystringParser: text => parseQuery(text, '&', '=', { maxKeys: MOST_PARAMETERS }) },
    requestTimeout: 15_000,
    keepAliveTimeout: 65_000,
    http: {
      headersTimeout: 10_000,
      connectionsCheckingInterval: 250, // how late the two timeouts may act; those of a flood that began at once end in small parts
      requireHostHeader: false, // Node's refusal is empty; headersRefusal() says why
      shouldUpgradeCallback: () => false, // Fastify would take and forget upgrades on further addresses of localhost
    },
    return503OnClosing: false, // that answer is neither a problem document nor logged
    trustProxy: trustedProxies.length > 0 && (address => proxies.includes(address)),
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    ajv: {
      customOptions: {
        removeAdditional: false,
        coerceTypes: false,
        allErrors: true,
        useDefaults: false,
        validateSchema: false, // TypeBox makes no other; compiling the schema of schemas takes 20 ms of each start
      },
    },
    frameworkErrors: (error, request, reply) => {
      // No hook runs for a path that cannot be read.
      if (!pipelining.admit(request.raw, reply.raw)) return void reply.hijack()
      reply.headers(headersFor(request.id))
      void answerError(error, request, reply)
    },
    clientErrorHandler: () => {}, // is for one address alone; see below
  }).withTypeProvider<TypeBoxTypeProvider>()

  const codes: Record<string, ProblemType> = { ...HTTP_PROBLEMS, ...problems }

  async function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply) {
    const refusal = refusalOf(error, isUnavailable)
    if (refusal.code === 'internal_error') request.log.error({ err: error }, 'a request failed')
    if (refusal.code === 'unavailable') request.log.warn({ err: error }, 'a request had to wait')
    if (refusal.facts.retryAfter !== undefined) await heldRefusals.wait()
    return sendProblem(reply, codes, refusal)
  }

  server.addSchema(ProblemSchema)
  server.removeAllContentTypeParsers() // text/plain is among them
  acceptJson(server)
  server.setErrorHandler(answerError)
  server.setNotFoundHandler((request, reply) => {
    const methods = allowedMethods(server, request.url)
    if (methods.length > 0) reply.header('allow', methods.join(', '))
    return sendProblem(reply, codes, new Refusal(methods.length > 0 ? 'method_not_allowed' : 'not_found'))
  })
  rememberRoutes(server)
  server.addHook('onRequest', (request, reply, done) => {
    if (pipelining.admit(request.raw, reply.raw)) done()
    else reply.hijack() // nothing further happens to it
  })
  readForwardedFor(server, proxies, logger)
  takeTurns(server)
  const connections = new OpenConnections({
    logger,
    isTrustedProxy: address => proxies.includes(address),
    closed: closedConnections,
  })
  closeWhenStopping(server, connections)
  server.addHook('preClose', async () => heldRefusals.release())
  prepareListeningServers(server, each => {
    connections.watch(each)
    // Node knows nothing of other expectations than 100-continue; headersRefusal() answers them.
    each.on('checkExpectation', (request, response) => each.emit('request', request, response))
    each.on('clientError', (error, socket) => answerClientError(error, socket as Socket, headersFor(randomUUID())))
  })

  // Hooks that every request meets take callbacks: an async one makes promises for each request.
  server.addHook('onRequest', (request, reply, done) => {
    reply.headers(headersFor(request.id))
    const code = headersRefusal(request.raw)
    if (code) void sendProblem(reply, codes, new Refusal(code))
    else done()
  })
  server.addHook('onResponse', (request, reply, done) => {
    const { method } = request
    const route = request.routeOptions.url ?? 'none'
    const seconds = reply.elapsedTime / 1_000
    onAnswer({ method, route, status: reply.statusCode, seconds })
    const milliseconds = Math.round(reply.elapsedTime * 10) / 10
    // The route's pattern and not what was asked for: targets hold tokens, in garbled links also in the path, and passwords.
    const ip = parseIp(request.ip)
    request.log.info({ method, path: route, status: reply.statusCode, ms: milliseconds, ip }, 'answered')
    done()
  })
  return server
}

const commonHeaders = (id: string, isHttps: boolean): Record<string, string> => ({
  'x-request-id': id,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  ...(isHttps && { 'strict-transport-security': 'max-age=31536000' }), // a year
})

/** Answers with a refusal's problem document. */
function sendProblem(reply: FastifyReply, codes: Record<string, ProblemType>, { code, facts }: Refusal) {
  const type = codes[code] ?? HTTP_PROBLEMS.internal_error
  const retryAfter = facts.retryAfter ?? (type.status === 503 ? 1 : undefined)
  if (retryAfter !== undefined) reply.header('retry-after', retryAfter)
  if (type.status === 401) reply.header('www-authenticate', 'Bearer')
  return reply
    .code(type.status)
    .type(PROBLEM_MEDIA_TYPE)
    .send(Buffer.from(JSON.stringify(problemOf(code, type, facts)))) // to a string Fastify would add a charset
}

// A client that keeps its connection busy would hold up the stop: the answers say that it closes.
function closeWhenStopping(server: HttpServer, connections: OpenConnections): void {
  let isStopping = false
  server.addHook('preClose', async () => {
    isStopping = true
    connections.close()
  })
  server.addHook('onClose', () => connections.closed())
  server.addHook('onSend', (_request, reply, payload, done) => {
    if (isStopping) reply.header('connection', 'close')
    done(null, payload)
  })
}
