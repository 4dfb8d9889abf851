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

/**
 * Lets the signals that stop a run close what is open first.
 *
 * @returns waits for the end, once a signal has come: what fails while a run is stopped is no news
 */
export function closeOnSignals(): () => Promise<void> {
  let stopping: Promise<void> | undefined
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      stopping ??= closeAll().then(() => process.exit(1))
    })
  return async () => stopping
}

/** Closes whatever is still open, the newest first. */
export async function closeAll(): Promise<void> {
  for (const one of [...opened].reverse()) await Promise.allSettled([one[Symbol.asyncDispose]()])
}
