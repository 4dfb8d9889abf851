import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { AdapterChoice } from '../../bench/adapters/by-name.ts'
import { mixedDay } from '../../bench/measurements/mixed-day.ts'
import { people } from '../../bench/measurements/people/people.ts'
import { withPeople } from '../../bench/measurements/with-people.ts'
import { remoteSubject } from '../../bench/subjects/remote.ts'

const server = (adapter: AdapterChoice) =>
  remoteSubject({ adapter, url: 'http://127.0.0.1:1', credentialsFile: undefined })
const gotrue = server({ name: 'gotrue' })
const keycloak = server({ name: 'keycloak', settings: { realm: 'bench', clientId: 'bench' } })
const hydra = server({ name: 'hydra', settings: { clientId: 'bench' } })
const ownService = server({ name: 'auth-service' })

suite('what needs people who sign up and in', () => {
  test('leaves out the servers that have none, with the reason', () => {
    const { able, leftOut } = withPeople([gotrue, keycloak, hydra, ownService])
    assert.deepEqual(able, [gotrue])
    assert.match(
      leftOut.join('\n'),
      /^Left out: Keycloak makes no account in one request\.\nLeft out: Ory Hydra makes no/,
    )
    assert.match(leftOut.at(-1)!, /^Left out: this service lets nobody in whose email is not confirmed/)
  })

  for (const [name, measurement] of Object.entries({ people, mixedDay }))
    test(`has no empty tables when all are left out: ${name}`, async () => {
      const said: string[] = []
      const bench = {
        postgres: { url: '' },
        smtpUrl: '',
        subjects: [keycloak],
        rounds: 1,
        scaled: (count: number) => count,
      }
      const { tables, remarks, aims = [] } = await measurement.measure({ ...bench, say: line => void said.push(line) })
      assert.deepEqual([tables, aims], [[], []])
      assert.deepEqual(said, ['Left out: Keycloak makes no account in one request.'])
      assert.ok(remarks?.includes(said[0]!))
    })
})
