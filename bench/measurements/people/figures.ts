import type { Measured } from '../../load/recorder.ts'
import type { Subject } from '../../subjects/subject.ts'
import { type Aim, judge, type Table } from '../measurement.ts'
import { median, spread } from '../spread.ts'

/** One subject in one round. */
export type Round = {
  'sign-in': Measured
  /** Undefined where it cannot be measured. */
  confirm: Measured | undefined
  'sign-up': Measured
  /** Hashes a second of the bare lanes, just before. */
  bareHashes: number
}

export type Found = Map<Subject, Round[]>

/** How fast each kind of request is. */
export function tablesOf(found: Found): Table[] {
  const bare = ['bare argon2id of all lanes', spread(bareHashes(ownRounds(found)), 1), '', '']
  return [
    tableOf('Sign-ins', found, round => round['sign-in'], [bare]),
    tableOf('Confirmations', found, round => round.confirm),
    tableOf('Sign-ups', found, round => round['sign-up']),
  ]
}

function tableOf(
  title: string,
  found: Found,
  pick: (round: Round) => Measured | undefined,
  others: string[][] = [],
): Table {
  const rows = [...found].map(([{ name }, rounds]) => {
    const measured = rounds.map(pick).filter(one => one !== undefined)
    const of = (key: 'rate' | 'p50' | 'p99', digits: number) =>
      spread(
        measured.map(one => one[key]),
        digits,
      )
    return [name, of('rate', 1), of('p50', 1), of('p99', 1)]
  })
  return { title, columns: ['', 'a second', 'p50 (ms)', 'p99 (ms)'], rows: [...rows, ...others] }
}

/** Whether signing in takes this service much beside the hash. */
export function aimsOf(found: Found): Aim[] {
  const ratios = ownRounds(found).map(round => round['sign-in'].rate / round.bareHashes)
  if (ratios.length === 0) return []
  return [
    {
      what: 'sign-ins a second ÷ the bare argon2id rate of all lanes',
      atLeast: '0.9',
      aim: '0.97',
      found: spread(ratios, 2),
      verdict: judge(median(ratios), { atLeast: 0.9, aim: 0.97 }),
    },
  ]
}

const ownRounds = (found: Found) => [...found].find(([{ name }]) => name === 'this service')?.[1] ?? []
const bareHashes = (rounds: readonly Round[]) => rounds.map(round => round.bareHashes)
