import { concurrentExchanges } from './concurrent-exchanges.ts'
import { flood } from './flood.ts'
import { growth } from './growth/growth.ts'
import { letters } from './letters/letters.ts'
import type { Measurement } from './measurement.ts'
import { memory } from './memory.ts'
import { mixedDay } from './mixed-day.ts'
import { people } from './people/people.ts'
import { refreshes } from './refreshes/refreshes.ts'
import { start } from './start.ts'

/** By the names that `npm run bench` takes, in the order of the document. */
export const MEASUREMENTS = {
  refreshes,
  'concurrent-exchanges': concurrentExchanges,
  people,
  'mixed-day': mixedDay,
  flood,
  growth,
  letters,
  start,
  memory,
} satisfies Record<string, Measurement>

export type MeasurementName = keyof typeof MEASUREMENTS
