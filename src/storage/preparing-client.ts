import { BoundedClient } from './bounded-client.ts'

const MOST_PREPARED = 200 // statements of a connection; the service has some 100, and each keeps memory in the server

/**
 * Prepares each statement once a connection. PostgreSQL would otherwise parse and plan it anew each time, which takes
 * longer than running most of them.
 */
export class PreparingClient extends BoundedClient {
  readonly #names = new Map<string, string>()

  // biome-ignore lint/suspicious/noExplicitAny: pg describes it by a dozen overloads, of which the pools use two
  override query(text: any, values?: any, callback?: any): any {
    if (!this.isDirect || typeof text !== 'string' || !values?.length) return super.query(text, values, callback)
    const name = this.#nameOf(text)
    return name === undefined ? super.query(text, values, callback) : super.query({ name, text, values }, callback)
  }

  #nameOf(text: string): string | undefined {
    const known = this.#names.get(text)
    if (known !== undefined || this.#names.size >= MOST_PREPARED) return known
    const name = `statement ${this.#names.size + 1}`
    this.#names.set(text, name)
    return name
  }
}
