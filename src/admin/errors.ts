import { OperatorError, type OperatorFault } from '../operator-error.ts'

/** Why an operation was not performed. The codes are part of the interface. */
export type AdminErrorCode =
  | 'invalid_argument'
  | 'account_not_found'
  | 'account_ambiguous'
  | 'account_unconfirmed'
  | 'session_not_found'

/** An operation that was refused, in words for the operator and as a code for programs. */
export class AdminError extends OperatorError {
  override name = 'AdminError'
  readonly code: AdminErrorCode
  /** The accounts among which the operator has to choose. */
  readonly ids: readonly string[] | undefined

  constructor(code: AdminErrorCode, fault: OperatorFault, ids?: readonly string[]) {
    super(fault)
    this.code = code
    this.ids = ids
  }
}
