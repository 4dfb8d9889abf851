import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import { takeTurns } from '../../src/http/turns.ts'

/** The paths in the order in which their handlers were reached, when all are asked for at one moment. */
async function orderOf(paths: string[]): Promise<string[]> {
  await using server = Fastify()
  const reached: string[] = []
  takeTurns(server)
  server.get('/usual', async () => void reached.push('/usual'))
  server.get('/first', { config: { goesFirst: true } }, async () => void reached.push('/first'))
  await server.ready()
  await Promise.all(paths.map(path => server.inject(path)))
  return reached
}

test('a request that goes first waits for a few of a crowd that came before, not for all', async () => {
  const crowd = Array.from({ length: 100 }, () => '/usual')
  const order = await orderOf([...crowd, '/first'])
  assert.equal(order.length, 101)
  assert.ok(order.indexOf('/first') < 10, String(order.indexOf('/first')))
})

test('all of a crowd are answered', async () => {
  assert.equal((await orderOf(Array.from({ length: 1_000 }, () => '/usual'))).length, 1_000)
})
