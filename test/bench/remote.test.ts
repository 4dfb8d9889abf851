import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { adapterOf } from '../../bench/adapters/by-name.ts'
import { Connection } from '../../bench/load/connection.ts'
import { measureRefreshes } from '../../bench/measurements/measured-refreshes.ts'
import { type RemoteServer, remoteSubject } from '../../bench/subjects/remote.ts'
import type { Place } from '../../bench/subjects/subject.ts'
import { freePort } from '../measuring/free-port.ts'
import { closeAll } from '../measuring/opened.ts'
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

  test('that is started here is started once, is measured as a process, and ends with the run', async () => {
    await using folder = await executableOf(await freePort())
    const subject = remoteSubject({ ...own(folder.url), executable: folder.file })
    const first = await subject.start(place())
    const second = await subject.start(place())
    assert.ok(first.startTime! > 0)
    assert.equal(second.startTime, undefined) // a start that did not happen is not counted again
    assert.equal(second.pid, first.pid)
    await closeAll()
    assert.throws(() => process.kill(first.pid!, 0), /ESRCH/)
  })

  test('is not taken for another that answers at its port already', async () => {
    await using folder = await executableOf(await freePort())
    const other = createServer((_request, response) => response.end()).listen(Number(new URL(folder.url).port))
    await once(other, 'listening')
    try {
      const subject = remoteSubject({ ...own(folder.url), executable: folder.file })
      await assert.rejects(subject.start(place()), /--start needs a port that nothing uses/)
    } finally {
      other.close()
    }
  })

  test('that cannot be run is named', async () => {
    const subject = remoteSubject({ ...own('http://127.0.0.1:1'), executable: '/there/is/no/such/file' })
    await assert.rejects(subject.start(place()), /\/there\/is\/no\/such\/file/)
  })

  test('that answers nothing while it is measured is named, instead of a row without figures', async () => {
    const slow = createServer((_request, response) => {
      setTimeout(() => response.end(JSON.stringify({ access_token: 'a', refresh_token: 'b' })), 500)
    }).listen(0, '127.0.0.1')
    await once(slow, 'listening')
    try {
      const url = `http://127.0.0.1:${(slow.address() as AddressInfo).port}`
      const subject = remoteSubject(own(url))
      const started = { subject, running: await subject.start(place()), databaseUrl: '' }
      const load = { connections: 1, credentials: ['first'], warmUp: 0, duration: 0.1 }
      await assert.rejects(measureRefreshes(started, load), /this service answered no refresh in 0.1 s of 1 clients/)
    } finally {
      slow.close()
    }
  })

  test('has its version and settings in the document', () => {
    const subject = remoteSubject(
      own('http://127.0.0.1:8080', { version: '1.2.3', setUp: 'A pool of 20 connections.' }),
    )
    assert.equal(subject.version(), '1.2.3')
    assert.match(subject.setUp, /^At 127\.0\.0\.1:8080, .* A pool of 20 connections\.$/)
  })
})

/** An executable that serves HTTP at a port. */
async function executableOf(port: number) {
  const directory = mkdtempSync(join(tmpdir(), 'auth-test-'))
  const file = join(directory, 'server')
  const server = `require("node:http").createServer((_, response) => response.end()).listen(${port}, "127.0.0.1")`
  const program = `#!/bin/sh\nexec '${process.execPath}' -e '${server}'\n` // the first line cannot name a path with spaces
  writeFileSync(file, program, { mode: 0o755 })
  return {
    file,
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => rmSync(directory, { recursive: true, force: true }),
  }
}
