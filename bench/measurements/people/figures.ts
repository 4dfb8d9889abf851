import { authService } from '../../adapters/auth-service.ts'
import { adapterOf } from '../../adapters/by-name.ts'
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

const HASH_OF_ALL_LANES = authService().passwordHash!

export type Found = Map<Subject, Round[]>

/** How fast each kind of request is. */
export function tablesOf(found: Found): Table[] {
  if (found.size === 0) return []
  const own = ownRounds(found)
  const bare = ['bare hashing in all lanes', HASH_OF_ALL_LANES, spread(bareHashes(own), 1), '', '']
  return [
    withHashes(
      tableOf('Sign-ins', found, round => round['sign-in']),
      found,
      own.length > 0 ? [bare] : [],
    ),
    tableOf('Confirmations', found, round => round.confirm),
    withHashes(
      tableOf('Sign-ups', found, round => round['sign-up']),
      found,
    ),
  ]
}

/** A rate that is bound by a hash means little without its kind. */
function withHashes(
  { columns: [first = '', ...columns], rows, ...table }: Table,
  found: Found,
  others: string[][] = [],
) {
  const hashes = [...found.keys()].map(({ adapter }) => adapterOf(adapter).passwordHash ?? '–')
  const withHash = rows.map(([name = '', ...figures], index) => [name, hashes[index]!, ...figures])
  return { ...table, columns: [first, 'hash', ...columns], rows: [...withHash, ...others] }
}

function tableOf(title: string, found: Found, pick: (round: Round) => Measured | undefined): Table {
  const rows = [...found].map(([{ name }, rounds]) => {
    const measured = rounds.map(pick).filter(one => one !== undefined)
    const of = (key: 'rate' | 'p50' | 'p99', digits: number) =>
      spread(
        measured.map(one => one[key]),
        digits,
      )
    return [name, of('rate', 1), of('p50', 1), of('p99', 1)]
  })
  return { title, columns: ['', 'a second', 'p50 (ms)', 'p99 (ms)'], rows }
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
