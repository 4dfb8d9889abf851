/** Compares the worlds in a process of its own, whose sources may be altered (test/support/altered-source.ts). */

import type { Trial } from '../../proof/experiment.ts'
import type { TrialReport } from '../../proof/trial-process.ts'
import { compareWorlds, type Plan } from './model.ts'

export type ModelRequest = Omit<Trial, 'progress'> & { plan: Plan }

const tell = (report: TrialReport): Promise<void> => new Promise(resolve => process.send!(report, () => resolve()))

process.on('disconnect', () => process.exit(1))
process.once('message', async ({ plan, ...trial }: ModelRequest) => {
  try {
    const progress = (done: number, note?: string) => void tell({ done, ...(note !== undefined && { note }) })
    await tell({ findings: await compareWorlds({ ...trial, progress }, plan) })
    process.disconnect() // whatever keeps this process from ending was left open
  } catch (error) {
    await tell({ fault: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    process.exit(1)
  }
})
