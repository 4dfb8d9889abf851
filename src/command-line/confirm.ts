import { createInterface } from 'node:readline'
import { type Streams, WrongUsage } from './command-line.ts'

/**
 * Asks whoever sits there whether that is meant. The end of the input, as by Ctrl-C or Ctrl-D, is a no.
 * @throws WrongUsage when nobody does, or it is not
 */
export async function confirm(question: string, { stdin, stderr }: Streams): Promise<void> {
  const needed = '--yes, or a "y" on a terminal, since it cannot be undone'
  const remedy = 'add --yes when it is meant'
  if (!stdin.isTTY) throw new WrongUsage({ needed, found: 'neither', remedy })
  const terminal = createInterface({ input: stdin, output: stderr })
  const answer = await new Promise<string | undefined>(resolve => {
    terminal.once('close', () => resolve(undefined)).question(`${question} [y/N] `, resolve)
  })
  terminal.close()
  if (answer === undefined) stderr.write('\n')
  const found = answer === undefined ? 'the end of the input' : JSON.stringify(answer)
  if (!/^y(es)?$/i.test(answer?.trim() ?? '')) throw new WrongUsage({ needed, found, remedy })
}
