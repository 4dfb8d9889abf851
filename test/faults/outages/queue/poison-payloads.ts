import { randomUUID } from 'node:crypto'

/** Data that no process of this version sends, and what is to become of its message. */
export type Poison = { kind: string; queue: QueueName; data: unknown; fate: PoisonFate }

/** `parked` where no repetition would mend it; `settled` where whom it is about is gone; `waits` for a newer process. */
export type PoisonFate = 'parked' | 'settled' | 'waits'

export type QueueName = 'account.created' | 'letter.requested'

const ID_FIELDS = { 'account.created': 'account_id', 'letter.requested': 'letter_id' } as const

/** One payload, chosen by `random`. @param other the id of a thing of the other kind, which exists */
export function poison(random: () => number, other: Record<QueueName, string>): Poison {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!
  const queue = pick(['account.created', 'letter.requested'] as const)
  const id = ID_FIELDS[queue]
  const kinds: Record<string, () => { data: unknown; fate: PoisonFate }> = {
    garbage: () => ({ data: garbage(random, 3), fate: 'parked' }),
    'wrong version': () => ({
      data: { version: pick([0, -1, 1.5, '1', null, true, [1], { is: 1 }]), [id]: randomUUID() },
      fate: 'parked',
    }),
    'no version': () => ({ data: { [id]: randomUUID() }, fate: 'parked' }),
    'later version': () => ({ data: { version: pick([2, 3, 1e9, 1e300]), [id]: randomUUID() }, fate: 'waits' }),
    'no id': () => ({ data: { version: 1 }, fate: 'parked' }),
    'id of another type': () => ({
      data: { version: 1, [id]: pick([7, null, true, [], {}, [randomUUID()], { id: randomUUID() }]) },
      fate: 'parked',
    }),
    'id of another form': () => ({ data: { version: 1, [id]: formless(pick) }, fate: 'parked' }),
    'id of the other field': () => ({ data: { version: 1, [`${id}s`]: randomUUID() }, fate: 'parked' }),
    'more fields': () => ({
      data: { version: 1, [id]: randomUUID(), [pick(['more', 'constructor', 'toString', ''])]: garbage(random, 2) },
      fate: 'parked',
    }),
    'a prototype': () => ({
      data: JSON.parse(`{ "version": 1, "${id}": "${randomUUID()}", "__proto__": { "version": 1 } }`),
      fate: 'parked',
    }),
    huge: () => ({ data: { version: 1, [id]: 'x'.repeat(50_000 + Math.floor(random() * 200_000)) }, fate: 'parked' }),
    wide: () => ({
      data: Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`field${index}`, index])),
      fate: 'parked',
    }),
    deep: () => ({ data: { version: 1, [id]: nested(500 + Math.floor(random() * 1_000)) }, fate: 'parked' }),
    'unknown id': () => ({ data: { version: 1, [id]: randomUUID() }, fate: 'settled' }),
    'id in capitals': () => ({ data: { version: 1, [id]: randomUUID().toUpperCase() }, fate: 'settled' }),
    'id of another thing': () => ({ data: { version: 1, [id]: other[queue] }, fate: 'settled' }),
  }
  const kind = pick(Object.keys(kinds))
  return { kind, queue, ...kinds[kind]!() }
}

function formless(pick: <T>(values: readonly T[]) => T): string {
  const uuid = randomUUID()
  return pick([
    '',
    'x',
    '0',
    "' or 1=1 --",
    `${uuid}\n`,
    ` ${uuid}`,
    `{${uuid}}`,
    `urn:uuid:${uuid}`,
    uuid.replaceAll('-', ''),
    uuid.slice(1),
    `${uuid}${uuid}`,
    uuid.replace(/^./, 'ｆ'), // a letter beyond ASCII that looks like f
  ])
}

function garbage(random: () => number, depth: number): unknown {
  const kind = Math.floor(random() * (depth > 0 ? 7 : 5))
  if (kind === 0) return null
  if (kind === 1) return random() < 0.5
  if (kind === 2) return Math.floor((random() - 0.5) * 2 ** 53)
  if (kind === 3) return random() * 10 ** Math.floor(random() * 300)
  if (kind === 4)
    return Array.from({ length: Math.floor(random() * 20) }, () =>
      String.fromCodePoint(1 + Math.floor(random() * 0xd7fe)),
    ).join('')
  const parts = Array.from({ length: Math.floor(random() * 5) }, () => garbage(random, depth - 1))
  return kind === 5 ? parts : Object.fromEntries(parts.map((part, index) => [`field${index}`, part]))
}

function nested(depth: number): unknown {
  let value: unknown = 'the end'
  for (let level = 0; level < depth; level++) value = level % 2 ? [value] : { next: value }
  return value
}
