/**
 * Whose place in a queue it is, the outermost group first: a network, or a network and an account in it. All shares of a
 * queue are equally long.
 */
export type Share = readonly string[]

/**
 * A bounded queue whose places are shared out by group, so that one that floods it can neither keep another out nor make
 * it wait for more than its own turn. Within a group its members share in the same way.
 *
 * Groups are served round robin; among the items of one share the oldest goes first. When the queue is full, a group
 * that has at least two items fewer than the largest one takes a place from it; failing that, a member from the largest
 * member of its own group. Groups of equal size never displace each other, nor do they take turns at being the larger:
 * whoever waits keeps the place.
 */
export class FairQueue<Item> {
  readonly #capacity: number
  readonly #groups = new Group<Item>()

  /** @param capacity how many items can wait at once */
  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** How many items wait. */
  get size(): number {
    return this.#groups.size
  }

  /**
   * Adds an item at the end of its share.
   *
   * @returns the item that found no place, if any: the newest of the largest group, or the very item that was added
   */
  add(share: Share, item: Item): Item | undefined {
    const isFull = this.size >= this.#capacity
    const giving = isFull ? this.#groups.giverTo(share) : undefined
    if (isFull && !giving) return item
    const displaced = giving && this.#groups.dropNewest(giving)
    this.#groups.add(share, item)
    return displaced
  }

  /** Notes the turn of a share that was served at once, because nobody waited. */
  noteTurn(share: Share): void {
    this.#groups.noteTurn(share)
  }

  /** Takes out the item whose turn it is. */
  take(): Item | undefined {
    return this.#groups.take()
  }

  /** Takes out an item that gives up its place, if it still waits. */
  remove(share: Share, item: Item): void {
    this.#groups.remove(share, item)
  }
}

/** Members of one group, each a group itself; or, at the innermost, the items of one share. */
class Group<Item> {
  size = 0
  readonly #items: Item[] = []
  readonly #members = new Map<string, Group<Item>>() // in the order of their turns; none is empty
  #lastServed: string | undefined

  add([name, ...rest]: Share, item: Item): void {
    this.size++
    if (name === undefined) {
      this.#items.push(item)
      return
    }
    const member = this.#members.get(name) ?? new Group<Item>()
    member.add(rest, item)
    this.#members.set(name, member)
  }

  /** The share, or the group of shares, that has to give a place to this one when there is no other. */
  giverTo([name, ...rest]: Share): Share | undefined {
    if (name === undefined) return undefined
    const own = this.#members.get(name)
    const [largest, { size = 0 } = {}] = this.#largest() ?? []
    if (largest !== undefined && (own?.size ?? 0) + 1 < size) return [largest]
    const giver = own?.giverTo(rest)
    return giver && [name, ...giver]
  }

  /** Takes out the newest item of the largest share of a group. */
  dropNewest([name = this.#largest()?.[0], ...rest]: Share): Item | undefined {
    if (name === undefined) return this.#without(this.#items.pop())
    return this.#takeFrom(name, member => member.dropNewest(rest))
  }

  noteTurn([name, ...rest]: Share): void {
    if (name === undefined) return
    this.#lastServed = name
    this.#members.get(name)?.noteTurn(rest)
  }

  take(): Item | undefined {
    this.#moveLastServedToTheEnd()
    const [next] = this.#members.keys()
    if (next === undefined) return this.#without(this.#items.shift())
    this.#lastServed = next
    return this.#takeFrom(next, member => member.take())
  }

  remove([name, ...rest]: Share, item: Item): Item | undefined {
    if (name !== undefined) return this.#takeFrom(name, member => member.remove(rest, item))
    const place = this.#items.indexOf(item)
    return place < 0 ? undefined : this.#without(this.#items.splice(place, 1)[0])
  }

  #takeFrom(name: string, take: (member: Group<Item>) => Item | undefined): Item | undefined {
    const member = this.#members.get(name)
    const item = member && this.#without(take(member))
    if (member?.size === 0) this.#members.delete(name)
    return item
  }

  #without(item: Item | undefined): Item | undefined {
    if (item !== undefined) this.size--
    return item
  }

  // Only now, not when it was served: whoever came in the meantime goes first, so nobody has two turns in a row while
  // another waits. And once only, so that ever new groups cannot hold one back.
  #moveLastServedToTheEnd(): void {
    const name = this.#lastServed
    const member = name === undefined ? undefined : this.#members.get(name)
    if (name === undefined || !member) return
    this.#members.delete(name)
    this.#members.set(name, member)
  }

  /** Of several the one whose turn comes last. */
  #largest(): [string, Group<Item>] | undefined {
    let largest: [string, Group<Item>] | undefined
    for (const member of this.#members) if (member[1].size >= (largest?.[1].size ?? 0)) largest = member
    return largest
  }
}
