const WIDTH = 30 // characters of the bar

/** Shows how far it is: a bar on a terminal, elsewhere a line for each tenth. */
export class ProgressBar {
  readonly #stream: NodeJS.WriteStream
  #shown = -1

  /** @param stream such as `process.stderr` */
  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream
  }

  show(done: number, total: number): void {
    const parts = this.#stream.isTTY ? 1_000 : 10
    const part = Math.floor((done / total) * parts)
    if (part === this.#shown) return
    this.#shown = part
    this.#stream.write(this.#stream.isTTY ? barOf(done, total) : `${Math.round((part / parts) * 100)} % asked\n`)
  }

  /** Says something else, on a line of its own. */
  say(text: string): void {
    this.#stream.write(this.#stream.isTTY ? `\r\x1b[K${text}\n` : `${text}\n`)
    this.#shown = -1
  }
}

function barOf(done: number, total: number): string {
  const full = Math.round((done / total) * WIDTH)
  const count = `${done.toLocaleString('en')} of ${total.toLocaleString('en')}`
  return `\r[${'#'.repeat(full)}${'.'.repeat(WIDTH - full)}] ${count}\x1b[K${done === total ? '\n' : ''}`
}
