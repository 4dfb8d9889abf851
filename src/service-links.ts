const PREFIX = /^(AUTH(?:_[A-Z0-9]+)*)_SERVICE_HOST$/
const REST = /^_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/
const URL_OF_SERVICE = /^(?:tcp|udp|sctp):\/\//

/**
 * The names of variables that Kubernetes has added for a Service called `auth`, or `auth-…`: it gives each container the
 * addresses of all Services of its namespace, `AUTH_SERVICE_HOST` and `AUTH_PORT=tcp://…` among them, which look like
 * settings. What the operator has set wins over them, so `AUTH_PORT` is one only if its value is.
 */
export function serviceLinksIn(environment: NodeJS.ProcessEnv): Set<string> {
  const names = Object.keys(environment)
  const prefixes = names.flatMap(name => {
    const prefix = PREFIX.exec(name)?.[1]
    return prefix && /^\d+$/.test(environment[`${prefix}_SERVICE_PORT`] ?? '') ? [prefix] : []
  })
  const isLink = (name: string, prefix: string) =>
    name === `${prefix}_PORT`
      ? URL_OF_SERVICE.test(environment[name] ?? '')
      : name.startsWith(prefix) && REST.test(name.slice(prefix.length))
  return new Set(names.filter(name => prefixes.some(prefix => isLink(name, prefix))))
}
