import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { FastifyInstance, RouteOptions } from 'fastify'

/** What a schema says of one value, as far as it matters for making one up. */
export type ValueSchema = {
  type?: string
  const?: unknown
  enum?: unknown[]
  format?: string
  anyOf?: ValueSchema[]
  items?: ValueSchema
  properties?: Record<string, ValueSchema>
  required?: string[]
}

/** A registered route, with one method. */
export type Route = {
  method: string
  /** With parameters, such as `/mailbox/:id`. */
  url: string
  body?: ValueSchema
  query?: ValueSchema
  params?: ValueSchema
  /** Whether its body is a form instead of JSON. */
  isForm: boolean
  takesBearer: boolean
}

export const nameOf = ({ method, url }: Pick<Route, 'method' | 'url'>): string => `${method} ${url}`

/** Notes every route that is registered while `work` runs, whichever server of this process it belongs to. */
export async function routesRegisteredDuring<Result>(
  work: () => Promise<Result>,
): Promise<{ result: Result; routes: Route[] }> {
  const routes = new Map<string, Route>()
  const listen = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance }
    fastify.addHook('onRoute', options => {
      for (const route of routesOf(options)) routes.set(nameOf(route), route)
    })
  }
  subscribe('fastify.initialization', listen)
  try {
    return { result: await work(), routes: [...routes.values()] }
  } finally {
    unsubscribe('fastify.initialization', listen)
  }
}

type RouteSchema = {
  body?: ValueSchema
  querystring?: ValueSchema
  params?: ValueSchema
  consumes?: string[]
  security?: unknown[]
}

function routesOf({ method, url, schema = {} }: RouteOptions): Route[] {
  const { body, querystring: query, params, consumes, security } = schema as RouteSchema
  return [method].flat().map(each => ({
    method: each,
    url,
    ...(body && { body }),
    ...(query && { query }),
    ...(params && { params }),
    isForm: consumes?.includes('application/x-www-form-urlencoded') ?? false,
    takesBearer: security !== undefined,
  }))
}
