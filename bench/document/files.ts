import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { drawPlot } from '../../test/proof/report/plot.ts'
import { MEASUREMENTS, type MeasurementName } from '../measurements/measurements.ts'
import { drawBars } from './bars.ts'
import { composeDocument, type Result } from './document.ts'

const DOCUMENTS = join(import.meta.dirname, '../../docs')
const RESULTS = join(DOCUMENTS, 'benchmarks')

/** Where a plot lies, from docs/benchmarks.md. */
export const plotFile = (measurement: string, plot: string): string => `benchmarks/${measurement}-${plot}.svg`

/** Keeps what a measurement found, in the place of what it found before. */
export function storeResult(result: Result): void {
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(fileOf(result.name), `${JSON.stringify(result, null, 2)}\n`)
  for (const plot of result.figures.plots ?? [])
    writeFileSync(join(DOCUMENTS, plotFile(result.name, plot.name)), drawPlot(plot, { marksPoints: true }))
  for (const bars of result.figures.bars ?? [])
    writeFileSync(join(DOCUMENTS, plotFile(result.name, bars.name)), drawBars(bars, 'this service'))
}

/** Writes docs/benchmarks.md from all that is kept. */
export function writeDocument(): void {
  const names = Object.keys(MEASUREMENTS) as MeasurementName[]
  const kept = names.filter(name => existsSync(fileOf(name)))
  const results = kept.map(name => JSON.parse(readFileSync(fileOf(name), 'utf8')) as Result)
  writeFileSync(join(DOCUMENTS, 'benchmarks.md'), composeDocument(results))
}

const fileOf = (name: MeasurementName) => join(RESULTS, `${name}.json`)
