import type { Bars } from '../../document/bars.ts'
import { COMPARED_AT, type Found, medianAt } from './found.ts'

/** Refreshes a second of all subjects. */
export function rateBars(found: Found): Bars {
  return {
    name: 'refreshes',
    title: `Durable refreshes a second, ${COMPARED_AT} clients, 2 cores for everything`,
    unit: '/s',
    bars: [...found].map(([{ name }, rounds]) => ({
      label: name,
      value: medianAt(rounds, COMPARED_AT, ({ rate }) => rate),
    })),
  }
}
