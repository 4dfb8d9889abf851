import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { composeDocument, type Result } from '../../bench/document/document.ts'

const result = (name: Result['name'], subjects: Result['subjects']): Result => ({
  name,
  machine: [
    ['date', '2026-11-24'],
    ['commit', 'abcdef0'],
  ],
  seconds: 60,
  subjects,
  figures: { how: 'By counting.', tables: [] },
})
const keycloak = (version: string) => ({ name: 'Keycloak', version, setUp: 'A pool of 20 connections.' })

suite('the document of the benchmark', () => {
  test('has the version and settings of a server, and the date and commit of each section', () => {
    const document = composeDocument([result('refreshes', [keycloak('26.7.3')])])
    assert.match(document, /\| Keycloak \| 26\.7\.3 \| A pool of 20 connections\. \| all \|/)
    assert.match(document, /## Refreshes[^#]*date 2026-11-24, commit abcdef0/)
  })

  test('tells which version a section is about, where they were measured with different ones', () => {
    const document = composeDocument([
      result('refreshes', [keycloak('26.7.3')]),
      result('start', [keycloak('26.6.0')]),
      result('memory', [keycloak('26.6.0')]),
    ])
    assert.match(document, /26\.7\.3 \|[^|]*\| Refreshes \|/)
    assert.match(document, /26\.6\.0 \|[^|]*\| Start, Memory \|/)
  })

  test('names the servers that were not measured', () => {
    const document = composeDocument([result('refreshes', [keycloak('26.7.3')])])
    assert.match(
      document,
      /Nothing here is about GoTrue \(Supabase Auth\), Logto, Ory Hydra, Ory Kratos, Rauthy, Zitadel:/,
    )
  })
})
