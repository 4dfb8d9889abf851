/** Runs one experiment, in a process of its own, as `full-form.ts` asks for it. */

import type { Findings, Trial } from './experiment.ts'
import { EXPERIMENTS } from './experiments.ts'

export type TrialRequest = Omit<Trial, 'progress'> & { id: string }
export type TrialReport = { done: number; note?: string } | { findings: Findings } | { fault: string }

const tell = (report: TrialReport): Promise<void> => new Promise(resolve => process.send!(report, () => resolve()))

process.on('disconnect', () => process.exit(1))
process.once('message', async ({ id, ...trial }: TrialRequest) => {
  const experiment = EXPERIMENTS.find(one => one.id === id)!
  try {
    const progress = (done: number, note?: string) => void tell({ done, ...(note !== undefined && { note }) })
    await tell({ findings: await experiment.run({ ...trial, progress }) })
    process.disconnect() // whatever keeps this process from ending was left open
  } catch (error) {
    await tell({ fault: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    process.exit(1)
  }
})
