import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Installs a package of its own, which few who work on the service need, unless that was done before.
 *
 * @param from where its `package.json`, lock file and `.npmrc` lie
 * @param into where its modules go
 * @throws with what npm printed
 */
export function installOwnPackages(from: string, into: string): void {
  const lock = join(into, 'package-lock.json')
  const marker = join(into, 'node_modules/.installed-lock.json')
  const wanted = readFileSync(join(from, 'package-lock.json'), 'utf8')
  if (existsSync(marker) && readFileSync(marker, 'utf8') === wanted) return
  mkdirSync(into, { recursive: true })
  if (from !== into)
    for (const file of ['package.json', 'package-lock.json', '.npmrc']) cpSync(join(from, file), join(into, file))
  const { status, stdout, stderr } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: into,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  })
  if (status !== 0) throw new Error(`The packages of ${from} could not be installed:\n${stdout}${stderr}`)
  cpSync(lock, marker)
}
