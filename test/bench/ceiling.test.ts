import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adapterOf } from '../../bench/adapters/by-name.ts'
import { Connection } from '../../bench/load/connection.ts'
import { ceiling } from '../../bench/subjects/ceiling/subject.ts'

test('the ceiling exchanges refresh tokens as this service does', async () => {
  await using running = await ceiling.start({ databaseUrl: '', directory: '', smtpUrl: '', say: () => {} })
  const [credential] = await running.openSessions(1)
  await using connection = new Connection(running.url)
  const { refresh } = adapterOf(ceiling.adapter)
  const successor = refresh.read(await connection.send(refresh.ask(credential!)), credential!)
  assert.notEqual(successor, credential)
})
