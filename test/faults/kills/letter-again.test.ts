import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptyDirectory } from '../../support/process.ts'
import { Regular } from '../history/clients.ts'
import { violationsIn } from '../history/counted.ts'
import { exchangesGoOn, liveOnce } from '../history/lives.ts'
import { openStage } from '../history/stage.ts'
import { dyingAt, ownDeath } from './kill-points.ts'

const afterTheLetter = dyingAt(
  { file: 'confirmation/letters/deliver-letter.ts', line: 'return await sentLetters.add({ id, message })' },
  1,
)

test('Who confirms by a letter that a kill left unrecorded gets no letter of another kind', async () => {
  const postgresUrl = process.env.AUTH_TEST_POSTGRES
  if (!postgresUrl) throw new Error('AUTH_TEST_POSTGRES is missing: run this file by npm test -- <file>')
  await using directory = await emptyDirectory()
  await using stage = await openStage({ postgresUrl, directory: directory.path, name: 'history' })
  const regular = new Regular(stage.history, stage.mail)
  await liveOnce(stage, [regular], { alterations: [afterTheLetter], kill: ownDeath })
  const judgement = await stage.settle(running => exchangesGoOn([regular], running))
  assert.equal(judgement.answered.confirm, 1)
  assert.deepEqual(violationsIn(judgement), {})
})
