import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createTestDatabase } from '../../support/database.ts'
import { emptyDirectory, ServiceProcess } from '../../support/process.ts'
import { newAddress, SECRET_KEY, send } from '../../support/service.ts'
import { CuttingProxy } from '../outages/cutting-proxy.ts'

const CUTS = 10
const CLIENTS = 8

test('Connections to the database that are cut in the middle of queries end no process', async () => {
  await using directory = await emptyDirectory()
  await using database = await createTestDatabase()
  await using proxy = await CuttingProxy.inFrontOf(database.url)
  await using service = new ServiceProcess({
    AUTH_DATA_DIR: directory.path,
    AUTH_DATABASE_URL: proxy.urlOf(database.url),
    AUTH_SECRET_KEY: SECRET_KEY,
    AUTH_RATE_LIMITS: 'off',
  })
  const url = await service.started()
  const statuses = new Set<number | undefined>()
  let isOver = false
  const clients = Array.from({ length: CLIENTS }, async () => {
    const ask = () => send(`${url}/v1/confirmation-letters`, { json: { email: newAddress() } })
    while (!isOver) statuses.add((await ask().catch(() => undefined))?.status)
  })
  for (let cut = 0; cut < CUTS; cut++) {
    await pause(100)
    proxy.cut()
  }
  isOver = true
  await Promise.all(clients)
  assert.equal(service.child.exitCode, null, service.output.slice(-2_000))
  assert.deepEqual(
    [...statuses].filter(status => status !== 202 && status !== 503),
    [],
  )
  assert.equal((await send(`${url}/readyz`)).status, 200)
})
