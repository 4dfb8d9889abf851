import { test } from 'node:test'
import { holdsInShort } from '../../proof/short-form.ts'
import { killsAtEveryStep } from './kills-at-every-step.ts'

test(killsAtEveryStep.claim, async () => {
  await holdsInShort(killsAtEveryStep)
})
