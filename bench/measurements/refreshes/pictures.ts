import type { Plot } from '../../../test/proof/experiment.ts'
import type { Bars } from '../../document/bars.ts'
import { COMPARED_AT, CONNECTIONS, type Found, medianAt } from './found.ts'

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

/** How long half of the refreshes, and all but one in a hundred, take at most, over the number of clients. */
export const latencyPlots = (found: Found): Plot[] => [latencyPlot(found, 'p50'), latencyPlot(found, 'p99')]

function latencyPlot(found: Found, share: 'p50' | 'p99'): Plot {
  return {
    name: share,
    title: `Latency of refreshes, ${share}, by the number of clients`,
    x: { label: 'clients', isLogarithmic: true },
    y: { label: `${share} (ms)`, isLogarithmic: true },
    lines: [...found].map(([{ name }, rounds]) => ({
      label: name,
      points: CONNECTIONS.map(connections => [connections, medianAt(rounds, connections, sample => sample[share])]),
    })),
  }
}
