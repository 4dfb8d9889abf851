import type { WriteStream } from 'node:tty'
import { duration, whole } from './report/words.ts'

const BAR = 24 // characters
const LINE_EVERY = 30 // seconds, where lines cannot be drawn anew

/** The line of one experiment: how far it is, and how long it will take. */
export class ProgressLine {
  readonly #name: string
  readonly #trials: number
  readonly #output: WriteStream
  readonly #began = performance.now()
  #lastLine = performance.now()

  constructor(name: string, trials: number, output: WriteStream = process.stdout) {
    this.#name = name
    this.#trials = trials
    this.#output = output
    this.show(0)
  }

  show(done: number, note = ''): void {
    const seconds = (performance.now() - this.#began) / 1_000
    const line = progressInWords({ name: this.#name, trials: this.#trials, done, seconds, note })
    if (this.#output.isTTY) return void this.#output.write(`\r\x1b[2K${line.slice(0, this.#output.columns - 1)}`)
    if (done > 0 && performance.now() < this.#lastLine + LINE_EVERY * 1_000) return
    this.#lastLine = performance.now()
    this.#output.write(`${line}\n`)
  }

  /** Puts what came of it in place of the line. */
  end(outcome: string): void {
    this.#output.write(`${this.#output.isTTY ? '\r\x1b[2K' : ''}${this.#name}  ${outcome}\n`)
  }
}

export type Progress = { name: string; trials: number; done: number; seconds: number; note: string }

/** Such as `F6 Races  ████████░░░░  4,200 of 10,000  1 min 20 s, 1 min 50 s left`. */
export function progressInWords({ name, trials, done, seconds, note }: Progress): string {
  const share = trials > 0 ? Math.min(1, done / trials) : 0
  const bar = '█'.repeat(Math.round(share * BAR)).padEnd(BAR, '░')
  const left = share > 0.02 && share < 1 ? `, about ${duration((seconds * (1 - share)) / share)} left` : ''
  return `${name}  ${bar}  ${whole(done)} of ${whole(trials)}  ${duration(seconds)}${left}${note && `  ${note}`}`
}
