import { writeFileSync } from 'node:fs'
import type { Evidence } from './judge.ts'

/** Writes what was judged besides the history, as JSON Lines: accounts, and letters without their tokens. */
export function keepEvidence(path: string, { accounts, letters }: Pick<Evidence, 'accounts' | 'letters'>): void {
  write(`${path}-accounts.jsonl`, accounts)
  write(
    `${path}-letters.jsonl`,
    letters.map(({ to, messageId, token }) => ({ to, messageId, confirms: token !== undefined })),
  )
}

function write(file: string, rows: readonly object[]): void {
  writeFileSync(file, rows.map(row => `${JSON.stringify(row)}\n`).join(''))
}
