import assert from 'node:assert/strict'
import { test } from 'node:test'
import { violationsOf } from '../proof/experiment.ts'
import { holdsInShort, runShort } from '../proof/short-form.ts'
import { runSecretKeyChange, secretKeyChange } from './secret-key-change.ts'

test('a secret key is replaced while two processes serve, and nobody is signed out [R62]', async () => {
  await holdsInShort(secretKeyChange)
})

const faults = [
  {
    what: 'that calls what a key of others made invalid',
    file: 'secrets/other-keys.ts',
    find: 'if (this.#missing.includes(id)) throw new',
    replace: 'if (id === "") throw new',
    found: /refreshes refused other than with 503/,
  },
  {
    what: 'that makes with its own key what others made with theirs',
    file: 'sessions/sessions.ts',
    find: 'await this.#options.keys.toMakeAnew(tokenKey)',
    replace: 'tokenKey ? this.#options.keys.current : undefined',
    found: /two successors/,
  },
]
for (const { what, found, ...fault } of faults)
  test(`a process ${what} is found out`, async () => {
    const once = {
      ...secretKeyChange,
      trials: { short: 1, full: 1 },
      run: (trial: Parameters<typeof runSecretKeyChange>[0]) => runSecretKeyChange(trial, [fault]),
    }
    const findings = await runShort(once, 1)
    assert.match(
      violationsOf(findings)
        .map(({ what }) => what)
        .join(),
      found,
    )
  })
