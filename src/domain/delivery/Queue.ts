/**
 * A queue as a value: what is added or dropped makes a new queue, and the old one stays as it was. Both cost little,
 * whatever is in it.
 *
 * Queues share the array they lie in: each sees a part of it. One that ends where the array ends grows in place, which
 * no other sees; one that does not is copied first.
 */
export interface Queue<A> {
  /** Shared. What lies before `head` and from `tail` on is none of this queue's. */
  readonly items: Array<A>
  readonly head: number
  readonly tail: number
}

/** So much that was dropped stays in the array, or as much as there is left of it. */
const slack = 64

export const make = <A>(items: Array<A>): Queue<A> => ({ items, head: 0, tail: items.length })

/** One for all: nothing is ever added to its array. */
export const empty: Queue<never> = make([])

export const size = <A>(queue: Queue<A>): number => queue.tail - queue.head

export const isEmpty = <A>(queue: Queue<A>): boolean => queue.tail === queue.head

export const push = <A>({ items, head, tail }: Queue<A>, item: A): Queue<A> => {
  // What is left of an empty queue's array would stay for nothing.
  if (head === tail) return make([item])
  if (items.length !== tail) return make([...items.slice(head, tail), item])
  items.push(item)
  return { items, head, tail: tail + 1 }
}

/** Without the first `count`, which must be there. */
export const drop = <A>({ items, head, tail }: Queue<A>, count: number): Queue<A> => {
  const next = head + count
  if (next === tail) return empty
  return next > slack && next * 2 > tail ? make(items.slice(next, tail)) : { items, head: next, tail }
}
