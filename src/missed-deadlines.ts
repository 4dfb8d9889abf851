/** What this process waits for only so long; docs/incidents.md explains each. The names are part of the interface. */
export const DEADLINES = [
  'database_query',
  'database_connect',
  'database_pool',
  'smtp',
  'smtp_slot',
  'control_socket',
  'readiness_check',
  'key_load',
] as const
export type Deadline = (typeof DEADLINES)[number]

/** How often something took longer than this process waits for it, since the start. */
export class MissedDeadlines {
  readonly #counts = new Map<Deadline, number>(DEADLINES.map(what => [what, 0]))

  readonly count = (what: Deadline): void => {
    this.#counts.set(what, this.#counts.get(what)! + 1)
  }

  /** @returns every deadline, those that were always met too, with how often it was missed */
  all(): Iterable<[Deadline, number]> {
    return this.#counts.entries()
  }
}

/**
 * Waits for work for that many milliseconds. The work itself is not ended, and has to tolerate that nobody waits for it.
 * @param options.onMissed is told when it takes longer
 * @throws what the work threw, or an Error that says `otherwise`
 */
export async function within<Result>(
  milliseconds: number,
  work: Promise<Result>,
  { onMissed, otherwise }: { onMissed(): void; otherwise: string },
): Promise<Result> {
  const { promise: tooLong, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    onMissed()
    reject(new Error(otherwise))
  }, milliseconds)
  try {
    return await Promise.race([work, tooLong])
  } finally {
    clearTimeout(timer)
  }
}
