/** What was needed, what was found instead, and what to do about it. */
export type OperatorFault = { needed: string; found: string; remedy: string }

/**
 * A fault that only the operator can mend. It ends the start with exit code 1 and is shown without a stack trace.
 *
 * The three parts are arguments of their own so that none is forgotten.
 */
export class OperatorError extends Error {
  override name = 'OperatorError'
  readonly fault: OperatorFault

  /**
   * @param fault.needed what the service needs here
   * @param fault.found what it met instead; never a secret
   * @param fault.remedy what the operator can do about it, as a command or a setting where there is one
   */
  constructor(fault: OperatorFault, options?: ErrorOptions) {
    super(`Needed: ${fault.needed}\nFound:  ${fault.found}\nDo:     ${fault.remedy}`, options)
    this.fault = fault
  }
}

/** What to tell the operator when an address cannot be listened on. */
export function unlistenable(setting: string, address: string, error: unknown): OperatorError {
  const { code, message } = error as NodeJS.ErrnoException
  const found =
    code === 'EADDRINUSE' ? 'another process listens there already' : code === 'EACCES' ? 'no permission' : message
  return new OperatorError(
    {
      needed: `to listen on ${address}`,
      found,
      remedy: `stop the other process, or set ${setting} to a free one`,
    },
    { cause: error },
  )
}
