import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { readArguments } from '../../bench/arguments.ts'

const KEYCLOAK = ['--server', 'keycloak=http://127.0.0.1:8080', '--setting', 'keycloak.realm=bench']
const CLIENT = ['--setting', 'keycloak.clientId=bench']

suite('the arguments of the benchmark', () => {
  test('name a running server that is measured with the others', () => {
    const { subjects, isWhole } = readArguments(['refreshes', ...KEYCLOAK, ...CLIENT], [])
    assert.equal(subjects.at(-1)?.name, 'Keycloak')
    assert.ok(isWhole)
  })

  test('say which setting a server lacks', () => {
    assert.throws(() => readArguments(KEYCLOAK, []), /keycloak needs clientId/)
  })

  for (const option of [
    ['--setting', 'keykloak.version=26.7'],
    ['--credentials', 'keykloak=tokens.txt'],
    ['--start', 'keykloak=/opt/keycloak.sh'],
  ])
    test(`refuse ${option.join(' ')} of a server that is not measured`, () => {
      assert.throws(() => readArguments([...KEYCLOAK, ...CLIENT, ...option], []), /name of a --server first.*keykloak/)
    })
})
