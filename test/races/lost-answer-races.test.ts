import { test } from 'node:test'
import { holdsInShort } from '../proof/short-form.ts'
import { lostAnswerRaces } from './lost-answer-races.ts'

test(lostAnswerRaces.claim, async () => {
  await holdsInShort(lostAnswerRaces)
})
