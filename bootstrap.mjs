// Installs what package-lock.json asks for and node_modules lacks, before `npm start` and `npm test` do anything else.
// Nothing is installed yet when it runs, on whatever Node the machine has: no dependencies, and syntax that Node 14 parses.
//
//   node bootstrap.mjs start    the packages that the service needs
//   node bootstrap.mjs test     those, and the ones that its tests need
//
// It also has them gathered into few files, where that was not done for these packages yet.
//
// It must be an npm script of its own: a shell remembers where it found `node`, so one that installs the bundled Node
// would go on using the machine's.

import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gatheredDirectory } from './startup/gathered-packages.mjs'

const NEEDED_NODE = 24 // the first long-term release that runs TypeScript as it is
const OLDEST_NODE = 20 // whose npm is known to install package-lock.json

const root = dirname(fileURLToPath(import.meta.url))
const modules = join(root, 'node_modules')
const running = join(root, 'build/running') // src/running-mark.ts
const BUNDLED_NODE = join(modules, '.bin', process.platform === 'win32' ? 'node.cmd' : 'node')

main(process.argv[2])

function main(purpose) {
  if (purpose !== 'start' && purpose !== 'test')
    fail('"start" or "test" as its one argument', JSON.stringify(purpose), 'run `npm start` or `npm test`')

  if (majorOf(process.version) < OLDEST_NODE)
    fail(
      `Node ${NEEDED_NODE} or newer, or Node ${OLDEST_NODE} or newer to install it`,
      `Node ${process.version}`,
      `install Node ${NEEDED_NODE} from https://nodejs.org or with the system's packages, and run this again`,
    )

  const missing = missingPackages(purpose === 'test')
  if (missing.length > 0) install(missing, purpose === 'test' || hasDevelopmentPackages())
  checkNode()
  giveExecToCmd()
  if (!existsSync(gatheredDirectory())) gather()
}

/** The paths in package-lock.json that this machine needs and that are not in node_modules at the same version. */
function missingPackages(withDevelopment) {
  const wanted = packagesOf(join(root, 'package-lock.json'))
  const installed = packagesOf(join(modules, '.package-lock.json'))
  return neededPaths(wanted, withDevelopment).filter(path => {
    const found = installed[path]
    return !found || found.version !== wanted[path].version || !existsSync(join(root, path, 'package.json'))
  })
}

function packagesOf(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).packages : {}
}

/**
 * What can be reached from the project itself. An optional package for another machine is left out, together with what
 * nobody else needs.
 */
function neededPaths(packages, withDevelopment) {
  const found = new Set([''])
  for (const path of found) {
    // Of the project's own alone, package-lock.json tells these.
    const development = withDevelopment ? packages[path].devDependencies : {}
    const { dependencies, optionalDependencies } = packages[path]
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...development })) {
      const place = placeOf(name, path, packages)
      if (place && runsHere(packages[place])) found.add(place)
    }
  }
  found.delete('')
  return [...found]
}

/** Where Node finds the package of this name from the one at `path`. */
function placeOf(name, path, packages) {
  for (let from = path; ; from = from.slice(0, Math.max(0, from.lastIndexOf('/node_modules/')))) {
    const place = `${from && `${from}/`}node_modules/${name}`
    if (packages[place] || !from) return packages[place] && place
  }
}

function runsHere(wanted) {
  if (!wanted.optional) return true
  return allows(wanted.os, process.platform) && allows(wanted.cpu, process.arch) && allows(wanted.libc, libc())
}

/** Reads `os`, `cpu` and `libc` as npm does: a name or a list of names, where `!name` excludes. */
function allows(names, mine) {
  const list = [].concat(names || [])
  if (list.includes(`!${mine}`)) return false
  const included = list.filter(name => name[0] !== '!')
  return included.length === 0 || included.includes(mine) || included.includes('any')
}

function libc() {
  if (process.platform !== 'linux') return undefined
  process.report.excludeNetwork = true // else a report looks up the host's names, which can take seconds
  return process.report.getReport().header.glibcVersionRuntime ? 'glibc' : 'musl'
}

/** Development packages that are there already stay: `npm start` must not take the tests' packages away. */
function hasDevelopmentPackages() {
  return Object.values(packagesOf(join(modules, '.package-lock.json'))).some(({ dev }) => dev)
}

function install(missing, withDevelopment) {
  const kind = withDevelopment ? '--include=dev' : '--omit=dev'
  const needed = `to install ${missing.length} packages into ${modules} (${namesOf(missing)})`
  try {
    accessSync(existsSync(modules) ? modules : root, constants.W_OK)
  } catch {
    fail(needed, 'a folder that this user may not write to', `run \`npm ci ${kind}\` there as its owner, once`)
  }

  const services = runningServices()
  if (services.length > 0)
    fail(
      needed,
      `the auth service running from this folder (process ${services.join(', ')}), which would lose packages that it loads later`,
      'stop it first, or put the new version into a folder of its own',
    )

  process.stderr.write(`Installing what is missing: ${namesOf(missing)} (npm ci ${kind}) … `)
  const began = Date.now()
  const { status, error, stdout, stderr } = npm([
    ...['ci', kind, '--include=optional', '--ignore-scripts', '--engine-strict=false'],
    ...['--no-audit', '--no-fund', '--no-progress', '--loglevel=error'],
  ])
  process.stderr.write(`${status === 0 ? 'done' : 'failed'} after ${((Date.now() - began) / 1000).toFixed(1)} s\n`)
  if (error) fail(needed, `npm, which cannot be run (${error.message})`, 'install npm, which comes with Node')
  if (status !== 0) {
    process.stderr.write(`${stdout}${stderr}`)
    fail(needed, `npm ended with exit code ${status}`, 'see what npm says above, and try again')
  }

  const still = missingPackages(withDevelopment)
  if (still.length > 0) process.stderr.write(`npm left out ${namesOf(still)}, which this machine seems to need.\n`)
}

/** The processes that serve from this folder, on this machine. */
function runningServices() {
  if (!existsSync(running)) return []
  return readdirSync(running).filter(pid => {
    if (isService(pid)) return true
    unlinkSync(join(running, pid)) // it was killed
    return false
  })
}

function isService(pid) {
  try {
    process.kill(Number(pid), 0)
  } catch (error) {
    if (error.code !== 'EPERM') return false // there is no such process
  }
  const commandLine = `/proc/${pid}/cmdline` // where there are such files, a later process of the same id is told apart
  return !existsSync(commandLine) || readFileSync(commandLine, 'utf8').includes('main.ts')
}

function npm(args) {
  const options = { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 }
  const cli = process.env.npm_execpath || ''
  // The Node that runs npm rather than the one that runs this file, which may be the bundled one that npm replaces.
  if (cli.endsWith('npm-cli.js'))
    return spawnSync(process.env.npm_node_execpath || process.execPath, [cli, ...args], options)
  return spawnSync('npm', args, { ...options, shell: process.platform === 'win32' })
}

/** npm's scripts find node_modules/.bin/node before the machine's own, whether it works or not. */
function checkNode() {
  const isThere = existsSync(BUNDLED_NODE)
  const answer = isThere ? runBundledNode(['--version']) : undefined
  if (answer && answer.status === 0 && majorOf(answer.stdout) >= NEEDED_NODE) return

  if (majorOf(process.version) < NEEDED_NODE)
    fail(
      `Node ${NEEDED_NODE} or newer`,
      `Node ${process.version}, and ${isThere ? `${BUNDLED_NODE}, which does not run here` : `no Node of npm's for ${process.platform} ${process.arch}`}`,
      `install Node ${NEEDED_NODE} from https://nodejs.org or with the system's packages, and run this again`,
    )
  if (isThere) unlinkSync(BUNDLED_NODE)
}

/** @param args words without spaces and quotes */
function runBundledNode(args) {
  const options = { cwd: root, encoding: 'utf8' }
  // Windows runs a .cmd by a shell alone, to which the path has to be quoted: there may be a space in it.
  if (process.platform === 'win32') return spawnSync(`"${BUNDLED_NODE}" ${args.join(' ')}`, { ...options, shell: true })
  return spawnSync(BUNDLED_NODE, args, options)
}

/**
 * `npm start` begins with `exec`, so that signals that npm passes on reach the service: they would end a shell between
 * the two and leave the service running. The shell of Windows has no `exec`, nor such signals; there it runs the rest.
 */
function giveExecToCmd() {
  const file = join(modules, '.bin', 'exec.cmd')
  if (process.platform === 'win32' && !existsSync(file)) writeFileSync(file, '@%*\r\n')
}

/** The service starts without it, too, only later: where the packages cannot be gathered, it says so and goes on. */
function gather() {
  if (!existsSync(join(modules, 'rolldown/package.json'))) return
  process.stderr.write('Gathering the packages into few files, from which the service starts faster … ')
  const script = ['startup/gather-packages.mjs', ...(runningServices().length > 0 ? ['keep'] : [])]
  const { status, error, stderr } = existsSync(BUNDLED_NODE)
    ? runBundledNode(script)
    : spawnSync(process.execPath, script, { cwd: root, encoding: 'utf8' })
  const [reason] = /^.*Error.*$/m.exec(stderr) || [stderr]
  process.stderr.write(status === 0 ? 'done\n' : `not done: ${error ? error.message : reason}\n`)
}

function majorOf(version) {
  return Number.parseInt(version.replace('v', ''), 10)
}

function namesOf(paths) {
  const names = paths.map(path => path.split('node_modules/').pop())
  return names.length > 4 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ')
}

function fail(needed, found, advice) {
  process.stderr.write(`This needs ${needed}.\nFound: ${found}.\nWhat to do: ${advice}.\n`)
  process.exit(1)
}
