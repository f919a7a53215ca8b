/**
 * What happens to datagrams on their way from one station of a network to another, as data.
 *
 * Jitter alone keeps the order, as a queue that fills and empties does; only `reordering` changes it.
 */

export interface Link {
  /** Without a connection datagrams are lost and streams stand still. */
  readonly connected: boolean
  /** The time to the other side, in whole milliseconds. All that streams have of this. */
  readonly latencyMillis: number
  /** At most so much more, evenly distributed, in whole milliseconds. */
  readonly jitterMillis: number
  /** The share of datagrams that are lost: 0 to 1. */
  readonly loss: number
  /** The share of datagrams that arrive twice: 0 to 1. */
  readonly duplication: number
  /** The share of datagrams that are held back, so that later ones overtake them: 0 to 1. */
  readonly reordering: number
  /** How long they are held back, in whole milliseconds. */
  readonly reorderMillis: number
}

export const perfect: Link = {
  connected: true,
  latencyMillis: 0,
  jitterMillis: 0,
  loss: 0,
  duplication: 0,
  reordering: 0,
  reorderMillis: 20,
}

/** One arrival of a datagram. */
export interface Arrival {
  /** Milliseconds from now. */
  readonly delay: number
  /** Whether it must not overtake those before it. */
  readonly inOrder: boolean
}

/** When a datagram that is sent now arrives, once for each copy; never, if it is lost. */
export const transit = (link: Link, chance: () => number): ReadonlyArray<Arrival> => {
  // A share of zero draws no number: switching one thing on leaves the others as they were.
  const happens = (share: number): boolean => share > 0 && chance() < share
  if (!link.connected || happens(link.loss)) return []
  const arrival = (): Arrival => {
    const jitter = link.jitterMillis > 0 ? Math.round(chance() * link.jitterMillis) : 0
    const heldBack = happens(link.reordering)
    const delay = Math.max(0, Math.round(link.latencyMillis)) + jitter + (heldBack ? link.reorderMillis : 0)
    return { delay, inOrder: !heldBack }
  }
  return happens(link.duplication) ? [arrival(), arrival()] : [arrival()]
}
