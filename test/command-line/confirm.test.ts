import assert from 'node:assert/strict'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import type { Streams } from '../../src/command-line/command-line.ts'
import { confirm } from '../../src/command-line/confirm.ts'

const CTRL_C = '\u0003'
const CTRL_D = '\u0004'

/** Asks on a terminal, and types once the question is shown. */
async function answered(type: (keyboard: PassThrough) => void): Promise<void> {
  const keyboard = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => keyboard })
  const screen = Object.assign(new PassThrough(), { isTTY: true })
  const asked = confirm('Delete it?', { stdin: keyboard, stdout: screen, stderr: screen } as unknown as Streams)
  await Promise.race([once(screen, 'data'), asked])
  type(keyboard)
  await asked
}

test('a question takes y and yes for consent', async () => {
  for (const answer of ['y', 'Y', ' yes ']) await answered(keyboard => keyboard.write(`${answer}\r`))
})

test('a question takes anything else for a no, the end of the input as well', async () => {
  const refused = { name: 'WrongUsage', message: /--yes/ }
  for (const keys of ['n\r', '\r', 'yellow\r', CTRL_C, CTRL_D, `y${CTRL_C}`])
    await assert.rejects(
      answered(keyboard => keyboard.write(keys)),
      refused,
      JSON.stringify(keys),
    )
  await assert.rejects(
    answered(keyboard => keyboard.end()),
    refused,
  )
})
