import { fork } from 'node:child_process'
import { once } from 'node:events'
import { opening } from './opened.ts'

type Reply = { answer: unknown } | { fault: string }

/** A process beside this one that answers one question at a time. */
export type HelperProcess<Question, Answer> = AsyncDisposable & { ask(question: Question): Promise<Answer> }

/** @param file its path; it calls {@link answerParent} */
export function startHelper<Question extends object, Answer>(file: string): HelperProcess<Question, Answer> {
  const child = fork(file, { execArgv: [] })
  const ended = once(child, 'exit').then(([code, signal]) => `${file} ended with ${signal ?? `exit code ${code}`}`)
  return {
    async ask(question) {
      const death = ended.then((fault): [Reply] => [{ fault }])
      child.send(question)
      const [reply] = (await Promise.race([once(child, 'message'), death])) as [Reply]
      if ('fault' in reply) throw new Error(reply.fault)
      return reply.answer as Answer
    },
    ...opening(async () => {
      child.kill()
      await ended
    }),
  }
}

/** In the helper's process: answers what the parent asks, and ends with it. */
export function answerParent<Question, Answer>(answer: (question: Question) => Promise<Answer>): void {
  process.on('disconnect', () => process.exit())
  process.on('message', async (question: Question) => {
    const reply: Reply = await answer(question).then(
      found => ({ answer: found }),
      error => ({ fault: (error as Error).message }),
    )
    process.send?.(reply)
  })
}
