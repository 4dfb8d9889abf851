import { parseArgs } from 'node:util'
import { isAdapterName } from './adapters/by-name.ts'
import { MEASUREMENTS, type MeasurementName } from './measurements/measurements.ts'
import { remoteSubject } from './subjects/remote.ts'
import type { Subject } from './subjects/subject.ts'

export type Arguments = {
  names: MeasurementName[]
  isQuick: boolean
  /** Whether everything is measured in full, so that it may be written down. */
  isWhole: boolean
  rounds: number
  subjects: readonly Subject[]
}

/**
 * @param args those of the command
 * @param own the subjects that are measured without being named
 * @throws with what was needed and found, when an argument is none
 */
export function readArguments(args: readonly string[], own: readonly Subject[]): Arguments {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '3' },
      only: { type: 'string', multiple: true },
      server: { type: 'string', multiple: true, default: [] },
      setting: { type: 'string', multiple: true, default: [] },
      credentials: { type: 'string', multiple: true, default: [] },
      start: { type: 'string', multiple: true, default: [] },
    },
    allowPositionals: true,
  })
  const known = Object.keys(MEASUREMENTS)
  for (const name of positionals)
    if (!known.includes(name)) throw new Error(`The measurements are ${known.join(', ')}. Found: ${name}`)
  const names = (positionals.length > 0 ? [...new Set(positionals)] : known) as MeasurementName[]
  const rounds = Number(values.rounds)
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds takes a whole number. Found: ${values.rounds}`)
  const servers = values.server.map(server => splitAtEquals(server)[0])
  for (const option of ['setting', 'credentials', 'start'] as const)
    for (const value of values[option])
      if (!servers.some(name => value.startsWith(option === 'setting' ? `${name}.` : `${name}=`)))
        throw new Error(`--${option} takes the name of a --server first. Found: ${value}`)
  const all = [...own]
  for (const server of values.server) {
    const names = all.map(({ name }) => name)
    const subject = serverOf(server, values, names)
    if (names.includes(subject.name)) throw new Error(`--server takes each server once. Found: ${subject.name} again`)
    all.push(subject)
  }
  const subjects = values.only ? all.filter(({ name }) => values.only!.includes(name)) : all
  if (subjects.length === 0) throw new Error(`--only takes ${all.map(({ name }) => `"${name}"`).join(', ')}`)
  return { names, isQuick: values.quick, isWhole: !values.quick && !values.only, rounds, subjects }
}

type ServerArguments = Record<'setting' | 'credentials' | 'start', readonly string[]>

/** @param args such as `keycloak.realm=bench`, `logto=tokens.txt` and `hydra=/opt/hydra.sh` */
function serverOf(
  server: string,
  { setting: settings, credentials, start }: ServerArguments,
  taken: readonly string[],
): Subject {
  const [name, url] = splitAtEquals(server)
  if (!isAdapterName(name) || !URL.canParse(url))
    throw new Error(
      `--server takes the name of an adapter and a URL, as in gotrue=http://127.0.0.1:9999. Found: ${server}`,
    )
  const own = settings.filter(setting => setting.startsWith(`${name}.`)).map(setting => setting.slice(name.length + 1))
  const argumentOf = (values: readonly string[]) => values.map(splitAtEquals).find(([of]) => of === name)?.[1]
  const executable = argumentOf(start)
  const remote = {
    adapter: { name, settings: Object.fromEntries(own.map(splitAtEquals)) },
    url: new URL(url).origin,
    credentialsFile: argumentOf(credentials),
    ...(executable !== undefined && { executable }),
  }
  return remoteSubject(remote, taken)
}

function splitAtEquals(text: string): [name: string, value: string] {
  const at = text.indexOf('=')
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}
