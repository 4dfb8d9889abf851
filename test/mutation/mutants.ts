/** What Stryker reports, as far as it is read (https://github.com/stryker-mutator/mutation-testing-elements). */
export type MutationReport = {
  files: Record<string, { source: string; mutants: Mutant[] }>
}

export type Mutant = {
  mutatorName: string
  replacement?: string
  location: { start: Place; end: Place }
  status: 'Killed' | 'Timeout' | 'Survived' | 'NoCoverage' | 'CompileError' | 'RuntimeError' | 'Ignored' | 'Pending'
}
/** Both count from 1. */
type Place = { line: number; column: number }

export type Survivor = { file: string; line: number; found: string; replacement: string; isReached: boolean }

/** How many changes of the code there were, and which of them no test noticed. */
export function readMutants({ files }: MutationReport): { valid: number; survivors: Survivor[] } {
  const all = Object.entries(files).flatMap(([file, { source, mutants }]) =>
    mutants.map(mutant => ({ file, source, mutant })),
  )
  const isOf = (...states: Mutant['status'][]) => all.filter(({ mutant }) => states.includes(mutant.status))
  const survivors = isOf('Survived', 'NoCoverage').map(({ file, source, mutant }) => ({
    file,
    line: mutant.location.start.line,
    found: shortened(textAt(source, mutant.location)),
    replacement: shortened(mutant.replacement ?? mutant.mutatorName),
    isReached: mutant.status === 'Survived',
  }))
  return { valid: isOf('Killed', 'Timeout').length + survivors.length, survivors }
}

function textAt(source: string, { start, end }: Mutant['location']): string {
  const lines = source.split('\n').slice(start.line - 1, end.line)
  const last = lines.length - 1
  return lines
    .map((line, index) => line.slice(index === 0 ? start.column - 1 : 0, index === last ? end.column - 1 : undefined))
    .join('\n')
}

function shortened(code: string): string {
  const line = code.replace(/\s+/g, ' ').trim()
  return line.length > 90 ? `${line.slice(0, 90)}…` : line
}
