import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { World } from '../../models/non-interference/worlds.ts'
import type { Findings, Trial } from '../../proof/experiment.ts'
import { seededRandom } from '../../proof/random.ts'
import { FloodedAddress, type Outcome } from './flooded-address.ts'
import { hostileDay, PATTERNS } from './hostile-sign-ups.ts'

/** Emails that decision 12 permits in any 24 hours: of sign-ups and tickets, the extra ones, and by address. */
const AT_MOST = { toAddress: 10 + 24 + 7, toMailbox: 30 + 24 + 7 }

/** Has one address after the other flooded for a day, while its owner signs up. */
export async function floodAddresses(trial: Trial): Promise<Findings> {
  const random = seededRandom(trial.seed)
  await using world = await World.open('flooded', trial.postgresUrl)
  const outcomes: Outcome[] = []
  for (let index = 0; index < trial.trials; index++) {
    const day = hostileDay(PATTERNS[(trial.seed + index) % PATTERNS.length]!, random)
    const outcome = await new FloodedAddress(world, index, day).live()
    outcomes.push(outcome)
    await appendFile(join(trial.directory, 'days.jsonl'), `${JSON.stringify({ index, ...day, outcome })}\n`)
    trial.progress(outcomes.length, day.pattern)
  }
  return findingsOf(outcomes)
}

function findingsOf(outcomes: Outcome[]): Findings {
  const waits = outcomes.flatMap(({ waits }) => waits)
  const last = waits.filter(({ newer }) => newer === 0)
  const overtaken = outcomes.filter(({ waits }) => waits[0]!.newer > 0 && !waits[0]!.isServed)
  const served = outcomes.filter(({ confirmed }) => confirmed !== undefined)
  const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((total, outcome) => total + of(outcome), 0)
  const most = (of: (outcome: Outcome) => number) => Math.max(...outcomes.map(of))
  return {
    trials: outcomes.length,
    unit: 'days of one address',
    counted: [
      {
        what: 'sign-ups of owners after which no email to them or to anybody newer left within an hour',
        count: waits.filter(({ isServed, isNewerServed }) => !isServed && !isNewerServed).length,
        of: waits.length,
      },
      {
        what: 'sign-ups of owners, followed by none from a network without an email, whose email did not leave within an hour',
        count: last.filter(({ isServed }) => !isServed).length,
        of: last.length,
      },
      {
        what: 'links to owners that did not confirm',
        count: served.filter(({ confirmed }) => !confirmed).length,
        of: served.length,
      },
      {
        what: `addresses that got more than ${AT_MOST.toAddress} emails in a day`,
        count: outcomes.filter(({ toAddress }) => toAddress > AT_MOST.toAddress).length,
        of: outcomes.length,
      },
      {
        what: `mailboxes that got more than ${AT_MOST.toMailbox} emails in a day`,
        count: outcomes.filter(({ toMailbox }) => toMailbox > AT_MOST.toMailbox).length,
        of: outcomes.length,
      },
    ],
    measured: [
      {
        what: 'sign-ups by strangers with one address, on average',
        value: sum(o => o.hostile) / outcomes.length,
        unit: '',
      },
      { what: 'emails to one address in a day, at most', value: most(({ toAddress }) => toAddress), unit: '' },
      { what: 'emails to one mailbox in a day, at most', value: most(({ toMailbox }) => toMailbox), unit: '' },
      { what: 'owners whose first email was overtaken by newer sign-ups', value: overtaken.length, unit: '' },
      { what: 'sign-ups that an owner needed, at most', value: most(({ waits }) => waits.length), unit: '' },
      { what: 'owners who had no email in the end', value: outcomes.length - served.length, unit: '' },
    ],
    remarks: [
      `Each day follows one of ${PATTERNS.length} patterns (${PATTERNS.join(', ')}), with random times, from 75 to 119 networks and, in ` +
        'the third, up to 15 more. Strangers ask for emails by address besides.',
      'The owner signs up once at a random time, from a network of their own, and again after each hour without an email and up to another. Whoever ' +
        'signs up later from a network that has had none is served first (decision 12).',
    ],
  }
}
