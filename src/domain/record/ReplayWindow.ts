/**
 * Which counters of one direction and epoch were taken already: each is taken once (RFC 6479).
 *
 * The bits of the last counters lie in a ring of 64 words. It moves on by whole words, which are cleared on the way, so
 * that nothing is ever shifted; one word of 32 is the price, and 2,016 counters below the highest are covered.
 *
 * Mutable: it changes with every record that opens.
 */

/** How many counters below the highest are still told apart from repeated ones. */
export const windowSize = 2016

const words = 64

export interface ReplayWindow {
  /** The highest counter taken; -1 before the first. */
  highest: number
  readonly ring: Int32Array
}

export const make = (): ReplayWindow => ({ highest: -1, ring: new Int32Array(words) })

/** Whether a counter, 0 to 2^53 - 1, is still to be taken: neither repeated nor too old to tell. */
export const isFresh = (window: ReplayWindow, counter: number): boolean => {
  if (counter > window.highest) return true
  if (window.highest - counter > windowSize) return false
  // Of large numbers the bit operators see the last 32 bits, which is all that is asked for.
  return (window.ring[(counter >>> 5) & (words - 1)]! & (1 << (counter & 31))) === 0
}

/** Takes a fresh counter; only after its record has opened. */
export const take = (window: ReplayWindow, counter: number): void => {
  const { highest, ring } = window
  if (counter > highest) {
    const word = Math.floor(counter / 32)
    const before = Math.floor(highest / 32)
    if (word - before >= words) ring.fill(0)
    else for (let at = before + 1; at <= word; at++) ring[at % words] = 0
    window.highest = counter
  }
  ring[(counter >>> 5) & (words - 1)]! |= 1 << (counter & 31)
}
