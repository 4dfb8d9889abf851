import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { adapterOf } from '../../bench/adapters/by-name.ts'
import { Connection } from '../../bench/load/connection.ts'
import { type RemoteServer, remoteSubject } from '../../bench/subjects/remote.ts'
import type { Place } from '../../bench/subjects/subject.ts'
import { confirmedAccount, send, startTestService } from '../support/service.ts'

const place = (say: Place['say'] = () => {}): Place => ({ databaseUrl: '', directory: '', smtpUrl: '', say })
const own = (url: string, settings: Record<string, string> = {}): RemoteServer => ({
  adapter: { name: 'auth-service', settings },
  url,
  credentialsFile: undefined,
})

suite('a server that runs already', () => {
  test('survives further rounds with a file of refresh tokens, although each exchange replaces one', async () => {
    await using service = await startTestService('PGlite')
    const directory = mkdtempSync(join(tmpdir(), 'auth-test-'))
    try {
      const credentialsFile = join(directory, 'tokens.txt')
      const { email, password } = await confirmedAccount(service)
      const { body } = await send(`${service.url}/v1/sessions`, { json: { email, password } })
      writeFileSync(credentialsFile, `${body.refresh_token}\n`)
      const subject = remoteSubject({ ...own(service.url), credentialsFile })
      await using connection = new Connection(service.url)
      const { refresh } = adapterOf(subject.adapter)
      for (let round = 0; round < 3; round++) {
        const running = await subject.start(place())
        const [credential] = await running.openSessions(1)
        const once = refresh.read(await connection.send(refresh.ask(credential!)), credential!)
        running.keepSessions!([refresh.read(await connection.send(refresh.ask(once)), once)])
      }
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })

  test('has people who can sign in to this service, and tells how far their sign-ups are', async () => {
    await using service = await startTestService('PostgreSQL')
    const said: string[] = []
    const subject = remoteSubject(own(service.url, { databaseUrl: service.databaseUrl! }))
    const running = await subject.start(place(line => void said.push(line)))
    const sessions = await running.openSessions(2)
    assert.equal(new Set(sessions).size, 2)
    assert.deepEqual(said, ['this service: 2 of 2 people have signed up', 'this service: 2 of 2 people have signed in'])
    assert.equal(subject.hasNoPeople, undefined)
  })

  test('says why this service has no people without its database, and what to do', async () => {
    const subject = remoteSubject(own('http://127.0.0.1:1'))
    assert.match(subject.hasNoPeople!, /not confirmed.*--setting auth-service\.databaseUrl=/s)
    const running = await subject.start(place())
    assert.throws(() => running.openSessions(1), /--credentials auth-service=tokens\.txt/)
  })

  test('has another name than the service that the benchmark starts', () => {
    const server = own('http://127.0.0.1:8080')
    assert.equal(remoteSubject(server, ['this service']).name, 'this service at 127.0.0.1:8080')
    assert.equal(remoteSubject(server).name, 'this service')
  })

  test('has its version and settings in the document', () => {
    const subject = remoteSubject(
      own('http://127.0.0.1:8080', { version: '1.2.3', setUp: 'A pool of 20 connections.' }),
    )
    assert.equal(subject.version(), '1.2.3')
    assert.match(subject.setUp, /^At 127\.0\.0\.1:8080, .* A pool of 20 connections\.$/)
  })
})
