/**
 * A moment by two clocks: one that nobody sets, but that may stand still while a machine sleeps, and that of the wall,
 * which goes on but may be set. The age of keys is what either says (PROTOCOL.md, section 16.1).
 */

/** Both in milliseconds. */
export interface Moment {
  readonly monotonic: number
  readonly wall: number
}

/** How long ago it was, in milliseconds. */
export const age = (since: Moment, now: Moment): number =>
  Math.max(now.monotonic - since.monotonic, now.wall - since.wall)
