import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { holdsInShort } from '../../proof/short-form.ts'
import { nthCall, SCENARIOS } from './nth-call.ts'

const ROOT = join(import.meta.dirname, '../../..')

test('every route of the interface and every page has a scenario', () => {
  const { paths } = JSON.parse(readFileSync(join(ROOT, 'openapi.json'), 'utf8'))
  const routes = Object.entries<object>(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map(method => `${method.toUpperCase()} ${path}`),
  )
  const pages = globSync('src/pages/*.ts', { cwd: ROOT })
    .filter(file => !file.endsWith('/mailbox.ts')) // which reads files
    .flatMap(file => [
      ...readFileSync(join(ROOT, file), 'utf8').matchAll(/\bserver\.(get|post|put|delete)\(\s*'([^']+)'/g),
    ])
    .map(([, method, path]) => `${method!.toUpperCase()} ${path}`)
  assert.ok(pages.length >= 10)
  const tried = new Set(SCENARIOS.map(({ route }) => route))
  assert.deepEqual([...new Set([...routes, ...pages])].sort(), [...tried].sort())
})

test(nthCall.claim, async () => {
  await holdsInShort(nthCall)
})
