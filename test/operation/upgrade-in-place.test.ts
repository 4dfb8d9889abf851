import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { emptyDirectory } from '../support/process.ts'
import { fillDataDirectory } from '../support/service.ts'
import { START_FLAGS } from '../support/start-flags.ts'

const ROOT = join(import.meta.dirname, '../..')
const SOURCES = ['bootstrap.mjs', 'package.json', 'package-lock.json', 'migrations', 'src', 'startup']

/** Stands for npm: it leaves a file instead of installing anything. */
const NPM = "require('node:fs').writeFileSync(__dirname + '/asked', '')"

/** A folder of the sources with the packages of this one, and a way to start what is before `npm start` there. */
async function copyOfTheProject() {
  const folder = await emptyDirectory()
  const project = join(folder.path, 'project')
  for (const name of SOURCES) cpSync(join(ROOT, name), join(project, name), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(project, 'node_modules'))
  writeFileSync(join(folder.path, 'npm-cli.js'), NPM)
  await fillDataDirectory(join(folder.path, 'data'))
  const environment = { PATH: process.env.PATH, HOME: process.env.HOME }
  return {
    project,
    marks: () => readdirSync(join(project, 'build/running')),
    upgrade() {
      const file = join(project, 'package-lock.json')
      const lock = JSON.parse(readFileSync(file, 'utf8'))
      lock.packages['node_modules/pino'].version = '999.0.0'
      writeFileSync(file, JSON.stringify(lock))
    },
    bootstrap() {
      const env = { ...environment, npm_execpath: join(folder.path, 'npm-cli.js'), npm_node_execpath: process.execPath }
      return spawnSync(process.execPath, ['bootstrap.mjs', 'start'], { cwd: project, env, encoding: 'utf8' })
    },
    hasAskedNpm: () => existsSync(join(folder.path, 'asked')),
    async start() {
      const env = {
        ...environment,
        AUTH_PORT: '0',
        AUTH_METRICS_LISTEN: 'off',
        AUTH_DATA_DIR: join(folder.path, 'data'),
      }
      const child = spawn(process.execPath, [...START_FLAGS, 'src/main.ts'], {
        cwd: project,
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      for await (const line of createInterface({ input: child.stdout }))
        if (line.includes('The auth service is running')) break
      child.stdout.resume()
      return child
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

test('an upgrade replaces no packages under a service that runs from the same folder, and says so', async () => {
  await using copy = await copyOfTheProject()
  const service = await copy.start()
  try {
    copy.upgrade()
    const { status, stderr } = copy.bootstrap()
    assert.equal(status, 1, stderr)
    for (const part of ['Found: the auth service', `process ${service.pid}`, 'What to do: stop it first'])
      assert.ok(stderr.includes(part), stderr)
    assert.ok(!copy.hasAskedNpm())
  } finally {
    service.kill('SIGKILL')
    await once(service, 'close')
  }
  assert.deepEqual(copy.marks(), [String(service.pid)])
  copy.bootstrap()
  assert.ok(copy.hasAskedNpm(), 'a service that was killed is no hindrance')
  assert.deepEqual(copy.marks(), [])
})

test('a service that has stopped is no hindrance to an upgrade', async () => {
  await using copy = await copyOfTheProject()
  const service = await copy.start()
  service.kill('SIGTERM')
  await once(service, 'close')
  assert.deepEqual(copy.marks(), [])
})
