import { test } from 'node:test'
import { holdsInShort } from '../../proof/short-form.ts'
import { embeddedSurvivesKills } from './embedded-survives-kills.ts'

test(embeddedSurvivesKills.claim, async () => {
  await holdsInShort(embeddedSurvivesKills)
})
