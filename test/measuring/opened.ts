const opened = new Set<AsyncDisposable>()

/**
 * Remembers what was opened here, a process or a folder, until it is closed: by `await using`, or by
 * {@link closeAll} when the run is stopped.
 *
 * @param close is called once
 */
export function opening(close: () => Promise<void>): AsyncDisposable {
  let closing: Promise<void> | undefined
  const one: AsyncDisposable = {
    [Symbol.asyncDispose]() {
      closing ??= close().finally(() => opened.delete(one))
      return closing
    },
  }
  opened.add(one)
  return one
}

/** Closes whatever is still open, the newest first. */
export async function closeAll(): Promise<void> {
  for (const one of [...opened].reverse()) await Promise.allSettled([one[Symbol.asyncDispose]()])
}
