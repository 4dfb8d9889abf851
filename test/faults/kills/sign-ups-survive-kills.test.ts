import { test } from 'node:test'
import { holdsInShort } from '../../proof/short-form.ts'
import { signUpsSurviveKills } from './sign-ups-survive-kills.ts'

test(signUpsSurviveKills.claim, async () => {
  await holdsInShort(signUpsSurviveKills)
})
