import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { historiesOn } from '../models/histories.ts'
import { violationsOf } from '../proof/experiment.ts'
import { runShort } from '../proof/short-form.ts'
import { refreshRacesOn } from '../races/refresh-races.ts'
import type { Alteration } from '../support/altered-source.ts'
import { HttpConnections } from '../support/http-connections.ts'
import { startServicesOnPostgres } from '../support/services-on-postgres.ts'
import {
  confirmingByGet,
  forgivingRotation,
  readThenWriteRotation,
  sharingPlacesWithRequests,
  tellingSignIn,
  tellingSignUp,
} from './broken-builds.ts'
import { unequalAnswers } from './equal-answers.ts'
import { changesByScanners } from './scanners.ts'
import { unequalTickets } from './ticket-states.ts'

/** What the checks find at the service with some alterations. */
async function foundWith(alterations: Alteration[]): Promise<{ changes: string; differences: string }> {
  await using services = await startServicesOnPostgres(process.env.AUTH_TEST_POSTGRES!, { alterations })
  using http = new HttpConnections(4)
  const changes = await changesByScanners(services, http)
  const differences = await unequalAnswers(services, http)
  return { changes: changes.join('\n'), differences: differences.join('\n') }
}

test('Machines that open a link change nothing, and answers are equal whoever has the address [R01, R05]', async () => {
  assert.deepEqual(await foundWith([]), { changes: '', differences: '' })
})

/** What tickets tell of the address at the service with some alterations. */
async function unequalTicketsWith(alterations: Alteration[]): Promise<string[]> {
  await using services = await startServicesOnPostgres(process.env.AUTH_TEST_POSTGRES!, { alterations })
  using http = new HttpConnections(4)
  return await unequalTickets(services, http)
}

test('Tickets show the same whether or not the address has an account [R01]', async () => {
  assert.deepEqual(await unequalTicketsWith([]), [])
})

describe('a service that is broken on purpose is found out', () => {
  test('rotation that reads and then writes, by the races', async () => {
    const findings = await runShort({ ...refreshRacesOn(readThenWriteRotation), id: 'F6-control' }, 1)
    const [first] = violationsOf(findings)
    assert.equal(first?.what, 'races with several successors')
    assert.ok(first.count > first.of / 2, `${first.count} of ${first.of}`)
  })

  test('rotation that forgives thieves, by histories', async () => {
    const findings = await runShort(historiesOn(forgivingRotation), 1)
    assert.match(findings.remarks!.join('\n'), /was to be reused|thief and owner cannot both go on/)
  })

  test('a link that confirms when it is opened, by machines that open it', async () => {
    assert.match((await foundWith(confirmingByGet)).changes, /made the state confirmed/)
  })

  test('a sign-up and a sign-in that tell who has an account, by comparing answers', async () => {
    const { differences } = await foundWith([...tellingSignUp, ...tellingSignIn])
    assert.match(differences, /^\/v1\/accounts when confirmed/m)
    assert.match(differences, /^\/v1\/sessions when confirmed/m)
  })

  test('an email by address that takes a place of the sign-ups where there is an account, by comparing tickets', async () => {
    const tickets = await unequalTicketsWith(sharingPlacesWithRequests)
    assert.deepEqual(tickets, ['confirmed: queued, queued; unknown: sent, sent'])
  })
})
