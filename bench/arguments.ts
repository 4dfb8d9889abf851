import { parseArgs } from 'node:util'
import { isAdapterName } from './adapters/by-name.ts'
import { MEASUREMENTS, type MeasurementName } from './measurements/measurements.ts'
import { remoteSubject } from './subjects/remote.ts'
import type { Subject } from './subjects/subject.ts'
import { SUBJECTS } from './subjects/subjects.ts'

export type Arguments = {
  names: MeasurementName[]
  isQuick: boolean
  /** Whether everything is measured in full, so that it may be written down. */
  isWhole: boolean
  rounds: number
  subjects: readonly Subject[]
}

/** @throws with what was needed and found, when an argument is none */
export function readArguments(): Arguments {
  const { values, positionals } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '3' },
      only: { type: 'string', multiple: true },
      server: { type: 'string', multiple: true, default: [] },
      setting: { type: 'string', multiple: true, default: [] },
      credentials: { type: 'string', multiple: true, default: [] },
    },
    allowPositionals: true,
  })
  const known = Object.keys(MEASUREMENTS)
  for (const name of positionals)
    if (!known.includes(name)) throw new Error(`The measurements are ${known.join(', ')}. Found: ${name}`)
  const names = (positionals.length > 0 ? [...new Set(positionals)] : known) as MeasurementName[]
  const rounds = Number(values.rounds)
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds takes a whole number. Found: ${values.rounds}`)
  const all = [...SUBJECTS]
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

/** @param settings such as `keycloak.realm=bench` @param credentials such as `logto=tokens.txt` */
function serverOf(
  server: string,
  { setting: settings, credentials }: { setting: readonly string[]; credentials: readonly string[] },
  taken: readonly string[],
): Subject {
  const [name, url] = splitAtEquals(server)
  if (!isAdapterName(name) || !URL.canParse(url))
    throw new Error(
      `--server takes the name of an adapter and a URL, as in gotrue=http://127.0.0.1:9999. Found: ${server}`,
    )
  const own = settings.filter(setting => setting.startsWith(`${name}.`)).map(setting => setting.slice(name.length + 1))
  const remote = {
    adapter: { name, settings: Object.fromEntries(own.map(splitAtEquals)) },
    url: new URL(url).origin,
    credentialsFile: credentials.map(splitAtEquals).find(([of]) => of === name)?.[1],
  }
  return remoteSubject(remote, taken)
}

function splitAtEquals(text: string): [name: string, value: string] {
  const at = text.indexOf('=')
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}
