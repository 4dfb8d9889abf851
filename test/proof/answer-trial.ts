import type { Findings, Trial } from './experiment.ts'

/** What a process is sent that runs a trial. @template Plan what it needs besides; has to survive JSON */
export type TrialRequest<Plan> = Omit<Trial, 'progress'> & { plan: Plan }
export type TrialReport = { done: number; note?: string } | { findings: Findings } | { fault: string }

/** Makes this process run the trial that it is sent, and tell its parent what came of it. */
export function answerTrial<Plan>(run: (trial: Trial, plan: Plan) => Promise<Findings>): void {
  const tell = (report: TrialReport): Promise<void> => new Promise(resolve => process.send!(report, () => resolve()))
  process.on('disconnect', () => process.exit(1))
  process.once('message', async ({ plan, ...trial }: TrialRequest<Plan>) => {
    try {
      const progress = (done: number, note?: string) => void tell({ done, ...(note !== undefined && { note }) })
      await tell({ findings: await run({ ...trial, progress }, plan) })
      process.disconnect() // whatever keeps this process from ending was left open
    } catch (error) {
      await tell({ fault: error instanceof Error ? (error.stack ?? error.message) : String(error) })
      process.exit(1)
    }
  })
}
