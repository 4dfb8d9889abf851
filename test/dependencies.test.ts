import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

type Locked = {
  packages: Record<
    string,
    { dev?: boolean; integrity?: string; hasInstallScript?: boolean; dependencies?: Record<string, string> }
  >
}

const read = (file: string) => JSON.parse(readFileSync(join(import.meta.dirname, '..', file), 'utf8'))

test('[R87] each package that runs with the service is one version, locked by its hash, and runs nothing when it is installed', () => {
  const { dependencies } = read('package.json') as { dependencies: Record<string, string> }
  const { '': root, ...packages } = (read('package-lock.json') as Locked).packages
  for (const [name, version] of Object.entries(dependencies)) assert.match(version, /^\d+\.\d+\.\d+$/, name)
  assert.deepEqual(root!.dependencies, dependencies)
  for (const [path, { dev, integrity, hasInstallScript }] of Object.entries(packages)) {
    if (dev) continue
    assert.match(integrity ?? '', /^sha512-/, path)
    assert.ok(!hasInstallScript, path)
  }
})
