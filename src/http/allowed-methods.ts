import type { FastifyInstance } from 'fastify'

const routesOf = new WeakMap<object, Map<string, Set<string>>>()

/** Remembers which methods each path answers to; call it before the first route. */
export function rememberRoutes(server: Pick<FastifyInstance, 'addHook' | 'server'>): void {
  const routes = new Map<string, Set<string>>()
  routesOf.set(server.server, routes)
  server.addHook('onRoute', ({ url, method }) => {
    const methods = routes.get(url) ?? new Set()
    for (const each of [method].flat()) methods.add(each)
    routes.set(url, methods)
  })
}

/** The methods that a path without parameters answers to; empty when there is no such path. */
export function allowedMethods({ server }: Pick<FastifyInstance, 'server'>, url: string): string[] {
  return [...(routesOf.get(server)?.get(url.split('?', 1)[0]!) ?? [])]
}
