const SAID_EVERY = 64

/**
 * Says how far something is that takes long, each time that some more of it are done, and at its end.
 *
 * @param say gets such as `64 of 256`
 * @returns to be called when one more is done
 */
export function sayingEvery(count: number, say: (far: string) => void): () => void {
  let done = 0
  return () => {
    done += 1
    if (done % SAID_EVERY === 0 || done === count) say(`${done} of ${count}`)
  }
}
