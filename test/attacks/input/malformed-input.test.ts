import { test } from 'node:test'
import { holdsInShort } from '../../proof/short-form.ts'
import { malformedInput } from './malformed-input.ts'

test('[R72] [R73] [R41] whatever arrives is answered as documented, and the service goes on (next-auth GHSA-xmf8-cvqr-rfgj, parse-server CVE-2026-30941)', async () => {
  await holdsInShort(malformedInput)
})
