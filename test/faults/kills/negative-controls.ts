import type { Experiment, Trial } from '../../proof/experiment.ts'
import type { Alteration } from '../../support/altered-source.ts'
import { Regular } from '../history/clients.ts'
import { violationsIn } from '../history/counted.ts'
import type { Violations } from '../history/judge.ts'
import { exchangesGoOn, liveOnce } from '../history/lives.ts'
import { openStage, type Running } from '../history/stage.ts'
import { dyingAt, ownDeath } from './kill-points.ts'

/** A build that is broken on purpose, and what the harness has to find in it. */
type Control = {
  name: string
  breaks: Alteration[]
  /** The line before which it then dies. */
  diesAt?: { file: string; line: string }
  finds: keyof Violations
  /** Where it does not die by itself. */
  kill?(running: Running, regular: Regular): Promise<void>
  /** Whether the client goes on with the broken build, by which the fault comes to light. */
  goesOn?: true
}

const CREATE = 'accounts/create-account.ts'
const DELIVER = 'confirmation/letters/deliver-letter.ts'
const SENDING_MESSAGE = 'await needs.queue.send(transaction, accountCreated, { account_id: account.id })'
const SENDING_LATER = `await inTransaction(needs.database, transaction =>
    needs.queue.send(transaction, accountCreated, { account_id: account.id }))`

export const CONTROLS: Control[] = [
  {
    name: 'a letter is marked as sent before it is sent',
    breaks: [
      {
        file: DELIVER,
        find: '  try {\n    const messageId',
        replace: `await markSent(needs, letter, message)
  try {
    const messageId`,
      },
    ],
    diesAt: { file: DELIVER, line: 'await needs.unrecordedEmails.send(' },
    finds: 'accountsWithoutLetter',
  },
  {
    name: 'the message is sent after the commit',
    breaks: [
      {
        file: CREATE,
        find: `${SENDING_MESSAGE}\n      return created\n    })`,
        replace: `return created\n    })\n    ${SENDING_LATER}`,
      },
    ],
    diesAt: { file: CREATE, line: SENDING_LATER },
    finds: 'accountsWithoutLetter',
  },
  {
    name: 'a sign-up is answered before it is written',
    breaks: [
      {
        file: CREATE,
        find: 'await inTransaction(needs.database, async transaction => {',
        replace: 'new Date()\n  setTimeout(() => inTransaction(needs.database, async transaction => {',
      },
      { file: CREATE, find: 'return created\n    })', replace: 'return created\n    }), 10_000)' },
    ],
    finds: 'lostSignUps',
    async kill({ process, url }, regular) {
      while (!(await regular.act(url)));
      await process.kill()
    },
  },
  {
    name: 'a refresh token is refused when it comes again',
    breaks: [
      {
        file: 'sessions/sessions.ts',
        find: "verdict !== 'current' && verdict !== 'repeated' && verdict !== 'answer_lost'",
        replace: "verdict !== 'current'",
      },
    ],
    diesAt: { file: 'sessions/routes.ts', line: 'return {\n        access_token:' },
    finds: 'lostSessions',
    goesOn: true,
  },
]

export const negativeControls: Experiment = {
  id: 'F1-controls',
  title: 'The harness finds what is broken on purpose',
  claim: 'The harness that looks for lost sign-ups, letters and sessions finds them in builds that lose them.',
  command: 'prove',
  trials: { short: 1, full: 5 },
  async run(trial) {
    let done = 0
    const tried = await Promise.all(
      CONTROLS.map(async (control, index) => {
        let missed = 0
        for (let i = 0; i < trial.trials; i++) {
          if (!(await isCaught(control, { ...trial, name: `control-${index + 1}-${i + 1}` }))) missed += 1
          trial.progress(++done)
        }
        return { control, missed }
      }),
    )
    return {
      trials: done,
      unit: 'runs of a broken build',
      counted: tried.map(({ control: { name }, missed }) => ({
        what: `not caught: ${name}`,
        count: missed,
        of: trial.trials,
      })),
      measured: [],
    }
  },
}

type Surroundings = Pick<Trial, 'postgresUrl' | 'directory'> & { name: string }

async function isCaught(
  { breaks, diesAt, finds, kill, goesOn }: Control,
  surroundings: Surroundings,
): Promise<boolean> {
  await using stage = await openStage(surroundings)
  const regular = new Regular(stage.history, stage.mail)
  const alterations = diesAt ? [...breaks, dyingAt(diesAt, 1)] : breaks
  if (kill) await kill(await stage.start(alterations), regular)
  else await liveOnce(stage, [regular], { alterations, kill: ownDeath })
  if (goesOn) await exchangesGoOn([regular], await stage.start(breaks))
  return finds in violationsIn(await stage.settle())
}
