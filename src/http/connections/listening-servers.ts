import type { Server } from 'node:http'
import type { FastifyInstance } from 'fastify'

/**
 * Prepares each server that listens. On localhost that is one for each address; Fastify tells of the first alone, which
 * would leave the others without whatever is done to it.
 */
export function prepareListeningServers(
  fastify: Pick<FastifyInstance, 'addHook' | 'server'>,
  prepare: (server: Server) => void,
): void {
  prepare(fastify.server)
  fastify.addHook('onListen', async () => {
    for (const server of otherServersOf(fastify)) prepare(server)
  })
}

function otherServersOf(fastify: object): Server[] {
  const symbol = Object.getOwnPropertySymbols(fastify).find(
    ({ description }) => description === 'fastify.serverBindings',
  )
  const servers: unknown = symbol && Reflect.get(fastify, symbol)
  if (Array.isArray(servers)) return servers
  throw new Error(
    'This version of Fastify keeps the servers of further addresses elsewhere; listening-servers.ts has to follow',
  )
}
