import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Experiment } from '../experiment.ts'
import { composeProof, plotFile } from './document.ts'
import { drawPlot } from './plot.ts'
import { FOLDER, type Result, storedResults } from './result.ts'

const DOCUMENT = join(FOLDER, '../proof.md')

/** Writes docs/proof.md and its drawings from the results that are kept. */
export function writeReport(experiments: readonly Experiment[]): void {
  const { document, drawings } = reportOf(experiments, storedResults())
  writeFileSync(DOCUMENT, document)
  for (const file of globSync('*.svg', { cwd: FOLDER })) if (!drawings.has(file)) rmSync(join(FOLDER, file))
  for (const [file, drawing] of drawings) writeFileSync(join(FOLDER, file), drawing)
}

/** The names of the files that are not what the results that are kept give. */
export function outdatedFiles(experiments: readonly Experiment[]): string[] {
  const { document, drawings } = reportOf(experiments, storedResults())
  const files = globSync('*.svg', { cwd: FOLDER })
  return [
    ...(readFileSync(DOCUMENT, 'utf8') === document ? [] : ['docs/proof.md']),
    ...[...drawings].filter(([file, drawing]) => !files.includes(file) || read(file) !== drawing).map(([file]) => file),
    ...files.filter(file => !drawings.has(file)),
  ]
}

function reportOf(experiments: readonly Experiment[], results: ReadonlyMap<string, Result>) {
  const drawings = new Map<string, string>()
  for (const { id, findings } of results.values())
    for (const plot of findings.plots ?? []) drawings.set(plotFile(id, plot.name), drawPlot(plot))
  return { document: composeProof(experiments, results), drawings }
}

const read = (file: string) => readFileSync(join(FOLDER, file), 'utf8')
