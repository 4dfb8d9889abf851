import { createInterface } from 'node:readline/promises'
import { type Streams, WrongUsage } from './command-line.ts'

/**
 * Asks whoever sits there whether that is meant.
 * @throws WrongUsage when nobody does, or it is not
 */
export async function confirm(question: string, { stdin, stderr }: Streams): Promise<void> {
  const needed = '--yes, or a "y" on a terminal, since it cannot be undone'
  const remedy = 'add --yes when it is meant'
  if (!stdin.isTTY) throw new WrongUsage({ needed, found: 'neither', remedy })
  const terminal = createInterface({ input: stdin, output: stderr })
  try {
    const answer = await terminal.question(`${question} [y/N] `)
    if (!/^y(es)?$/i.test(answer.trim())) throw new WrongUsage({ needed, found: JSON.stringify(answer), remedy })
  } finally {
    terminal.close()
  }
}
