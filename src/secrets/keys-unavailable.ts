import { UnavailableError } from '../storage/unavailable.ts'

/** A key that is needed is not to be had in this process. The message says which, and is for whoever runs the service. */
export class KeysUnavailableError extends UnavailableError {
  override name = 'KeysUnavailableError'
}
