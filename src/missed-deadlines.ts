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
