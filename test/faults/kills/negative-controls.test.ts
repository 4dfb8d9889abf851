import { test } from 'node:test'
import { holdsInShort } from '../../proof/short-form.ts'
import { negativeControls } from './negative-controls.ts'

test(negativeControls.claim, async () => {
  await holdsInShort(negativeControls)
})
