import type { StoragePlace } from './storage.ts'

/** Something that is measured, with a section of its own in docs/figures.md. */
export type Subject = {
  title: string
  measure(needs: SubjectNeeds): Promise<Figures>
}

export type SubjectNeeds = StoragePlace & {
  /** A count or a number of seconds; a tenth of it in a quick run. */
  scaled(full: number): number
  /** Shows what was just found. */
  say(line: string): void
}

export type Figures = {
  /** How they were measured, in two sentences. */
  how: string
  columns: string[]
  rows: string[][]
}
