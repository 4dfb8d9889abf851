import { setTimeout as pause } from 'node:timers/promises'
import { isUnavailable } from './unavailable.ts'

const PATIENCE = 20_000 // milliseconds
const TRIED_AGAIN_AFTER = 250 // milliseconds

/**
 * Does what a start needs of the database. While that is unavailable it tries again, for 20 seconds: it may be starting
 * too, or the machine be so busy that connections take long. What time does not change, such as a wrong password, fails
 * at once.
 *
 * @param onWait is told once, with the error, that it is going to try again
 * @throws whatever `work` threw last
 */
export async function onceAvailable<Result>(
  work: () => Promise<Result>,
  onWait: (error: unknown) => void,
): Promise<Result> {
  const deadline = performance.now() + PATIENCE
  for (let tries = 1; ; tries++)
    try {
      return await work()
    } catch (error) {
      if (!isUnavailable(error) || performance.now() > deadline) throw error
      if (tries === 1) onWait(error)
      await pause(TRIED_AGAIN_AFTER)
    }
}
