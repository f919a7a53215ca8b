/**
 * Memory that values share: bytes are added to it, and none that is there is ever written again.
 *
 * Whoever holds a slab remembers how many of its bytes are theirs. They add to it only if nobody has added behind
 * them, so that values that came of one another may both go on.
 */
export interface Slab {
  readonly bytes: Uint8Array
  /** So many are written. */
  used: number
}

export const make = (capacity: number): Slab => ({ bytes: new Uint8Array(capacity), used: 0 })

/** How many bytes whoever holds the first `held` of them may add. */
export const spare = (slab: Slab, held: number): number => (slab.used === held ? slab.bytes.length - held : 0)

/** Adds bytes, for which there must be room. */
export const add = (slab: Slab, bytes: Uint8Array): void => {
  slab.bytes.set(bytes, slab.used)
  slab.used += bytes.length
}

/** One with the first `held` bytes of another, and room for `more` at least, at most twice as large as both need. */
export const grown = (slab: Slab, held: number, more: number): Slab => {
  const next = make(2 * held + more)
  add(next, slab.bytes.subarray(0, held))
  return next
}
