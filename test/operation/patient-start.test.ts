import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CuttingProxy } from '../faults/outages/cutting-proxy.ts'
import { createTestDatabase } from '../support/database.ts'
import { emptyDirectory, ServiceProcess } from '../support/process.ts'
import { SECRET_KEY, send } from '../support/service.ts'

/** The way to a new database, and a start of the service by that way. */
async function startThroughProxy() {
  const opened = new AsyncDisposableStack()
  const database = opened.use(await createTestDatabase())
  const directory = opened.use(await emptyDirectory())
  const url = new URL(database.url)
  const proxy = opened.use(new CuttingProxy(Number(url.port)))
  await proxy.open()
  url.port = String(proxy.port)
  const start = (changes: Partial<Pick<URL, 'username' | 'hostname'>> = {}) => {
    Object.assign(url, changes)
    return opened.use(
      new ServiceProcess({ AUTH_DATA_DIR: directory.path, AUTH_DATABASE_URL: url.href, AUTH_SECRET_KEY: SECRET_KEY }),
    )
  }
  return { proxy, start, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

describe('a start while the database', () => {
  test('refuses connections waits for it, and says so', async () => {
    await using way = await startThroughProxy()
    await way.proxy.close()
    const service = way.start()
    await service.until(/the database is not available yet/)
    await way.proxy.open()
    assert.equal((await send(`${await service.started()}/readyz`)).status, 200)
  })

  test('accepts connections and never answers waits for it, and says so', async () => {
    await using way = await startThroughProxy()
    way.proxy.fallSilent()
    const service = way.start()
    await service.until(/the database is not available yet/)
    way.proxy.hear()
    assert.equal((await send(`${await service.started()}/readyz`)).status, 200)
  })

  test('cannot be reached by any route waits for it, and says so', async () => {
    await using way = await startThroughProxy()
    await way.start({ hostname: '255.255.255.255' }).until(/the database is not available yet/)
  })

  test('refuses the user fails at once', async () => {
    await using way = await startThroughProxy()
    const { code, stderr, stdout } = await way.start({ username: 'nobody_of_this_name' }).ended()
    assert.equal(code, 1)
    assert.match(stderr, /correct the host, user, password or database/)
    assert.ok(!`${stdout}${stderr}`.includes('waits for it'))
  })
})
