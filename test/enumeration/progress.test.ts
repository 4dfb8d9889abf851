import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ProgressBar } from '../../src/enumeration/progress.ts'

/** What a stream is told while 200 things are done. */
function shownOn(isTTY: boolean): string {
  let text = ''
  const write = (piece: string) => {
    text += piece
    return true
  }
  const bar = new ProgressBar({ isTTY, write } as NodeJS.WriteStream)
  for (let done = 1; done <= 200; done++) bar.show(done, 200)
  return text
}

describe('the progress', () => {
  test('is a line for each tenth where nobody watches', () => {
    const tenths = Array.from({ length: 11 }, (_, index) => `${index * 10} % asked\n`)
    assert.equal(shownOn(false), tenths.join(''))
  })

  test('is one bar on a terminal', () => {
    const shown = shownOn(true)
    assert.equal(shown.split('\n').length, 2)
    assert.match(shown, /\r\[#{15}\.{15}\] 100 of 200/)
    assert.match(shown, /\r\[#{30}\] 200 of 200[^\n]*\n$/)
  })
})
