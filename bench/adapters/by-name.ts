import type { Adapter } from './adapter.ts'
import { authService } from './auth-service.ts'
import { betterAuthOAuth, betterAuthSession } from './better-auth.ts'
import { gotrue } from './gotrue.ts'
import { hydra } from './hydra.ts'
import { keycloak } from './keycloak.ts'
import { kratos } from './kratos.ts'
import { logto } from './logto.ts'
import { oidcProvider } from './oidc-provider.ts'
import { rauthy } from './rauthy.ts'
import { zitadel } from './zitadel.ts'

/** An adapter by its name, as it travels to the process that sends a load. */
export type AdapterChoice = { name: AdapterName; settings?: Record<string, string> }

type Kind = {
  /** Names of the settings that it cannot do without. */
  needs: readonly string[]
  make(settings: Record<string, string>): Adapter
}

const own = (make: () => Adapter): Kind => ({ needs: [], make })

// What each needs is checked in adapterOf, which the types of the factories cannot know.
const remote = <Settings>(make: (settings: Settings) => Adapter, ...needs: (keyof Settings & string)[]): Kind => ({
  needs,
  make: settings => make(settings as Settings),
})

const ADAPTERS = {
  'auth-service': own(authService),
  ceiling: own(refreshesOnly),
  'better-auth-session': own(betterAuthSession),
  'better-auth-oauth': own(betterAuthOAuth),
  'oidc-provider': own(oidcProvider),
  gotrue: remote(gotrue),
  hydra: remote(hydra, 'clientId'),
  keycloak: remote(keycloak, 'realm', 'clientId'),
  kratos: remote(kratos),
  logto: remote(logto, 'clientId', 'resource'),
  rauthy: remote(rauthy, 'clientId'),
  zitadel: remote(zitadel, 'clientId'),
} satisfies Record<string, Kind>

export type AdapterName = keyof typeof ADAPTERS

/** The ceiling refreshes as this service does, and does nothing else. */
function refreshesOnly(): Adapter {
  const { refresh, refreshDoes } = authService()
  return { name: 'ceiling', refresh, refreshDoes }
}

/** @throws when a setting is missing that it cannot do without */
export function adapterOf({ name, settings = {} }: AdapterChoice): Adapter {
  const { needs, make } = ADAPTERS[name]
  const missing = needs.filter(needed => settings[needed] === undefined)
  if (missing.length > 0) throw new Error(`${name} needs ${missing.join(', ')}`)
  return make(settings)
}

/** Whether there is an adapter of that name. */
export const isAdapterName = (name: string): name is AdapterName => Object.hasOwn(ADAPTERS, name)
