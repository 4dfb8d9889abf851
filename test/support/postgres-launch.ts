import { spawnSync } from 'node:child_process'
import { chownSync, cpSync, lchownSync, readdirSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { linkLibraries, type PostgresBinaries } from './postgres-binaries.ts'

/** How a program is started so that it does not run as root, which PostgreSQL refuses. */
export interface Launch {
  bin: string
  /** A command that comes before the program's own. */
  before: string[]
  user?: { uid: number; gid: number }
}

const NOBODY = 65534

/** This process's environment without what would speak to PostgreSQL's programs. */
export const ENVIRONMENT = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PG')))

/**
 * Finds the first way in which this user can run PostgreSQL, which refuses root and users without a name.
 *
 * @param folder where the server's data will lie; it is given to the user that the server runs as.
 * @param temporaryFolder makes a folder for a copy of the programs, where they have to be copied.
 * @throws when there is none.
 */
export function chooseLaunch(
  binaries: PostgresBinaries,
  folder: string,
  temporaryFolder: (parent: string) => string,
): Launch {
  const copyBinaries = () => copied(binaries, temporaryFolder)
  const isRoot = process.getuid?.() === 0
  const isLinked = !binaries.movable || linkLibraries(binaries.movable)
  const plain: Launch = { bin: isLinked ? binaries.bin : copyBinaries(), before: [] }
  // In a user namespace of its own, this user is nobody and may still read what only this user can.
  const namespaced = { ...plain, before: ['unshare', '--user', `--map-user=${NOBODY}`, `--map-group=${NOBODY}`] }
  const dropped = { ...plain, user: { uid: NOBODY, gid: NOBODY } }

  const choices: (() => Launch)[] = isRoot
    ? [() => namespaced, () => dropped, () => ({ ...dropped, bin: copyBinaries() })]
    : hasName()
      ? [() => plain]
      : [() => namespaced]
  const complaints: string[] = []
  for (const choose of choices) {
    const choice = choose()
    const complaint = runToEnd(choice, 'postgres', ['--version'])
    if (complaint === undefined) {
      if (choice.user) chownSync(folder, choice.user.uid, choice.user.gid)
      return choice
    }
    complaints.push(complaint)
  }
  throw new Error(
    `PostgreSQL needs an ordinary user with a name. Found: user number ${process.getuid?.()}, and in ${plain.bin}: ` +
      `${complaints.join('; ')}. Run the tests as an ordinary user, or allow user namespaces.`,
  )
}

/** initdb refuses a user whom the system cannot name, as a container's may be. */
function hasName(): boolean {
  try {
    return userInfo().username !== ''
  } catch {
    return false
  }
}

function copied(binaries: PostgresBinaries, temporaryFolder: (parent: string) => string): string {
  if (!binaries.movable) return binaries.bin
  // Not beside the data: what lies in memory is often mounted so that it cannot be executed.
  const copy = temporaryFolder(tmpdir())
  cpSync(binaries.movable, copy, { recursive: true, verbatimSymlinks: true })
  linkLibraries(copy)
  if (process.getuid?.() === 0)
    for (const path of ['', ...readdirSync(copy, { recursive: true, encoding: 'utf8' })])
      lchownSync(join(copy, path), NOBODY, NOBODY)
  return join(copy, 'bin')
}

/** Runs one of PostgreSQL's programs to its end; answers what it complained about when it failed. */
export function runToEnd({ bin, before, user }: Launch, program: string, args: string[]): string | undefined {
  const [command = '', ...rest] = [...before, join(bin, program), ...args]
  const { status, error, stdout, stderr } = spawnSync(command, rest, {
    cwd: tmpdir(),
    env: ENVIRONMENT,
    encoding: 'utf8',
    ...user,
  })
  return status === 0 ? undefined : (error?.message ?? `${stdout}${stderr}`.trim())
}
