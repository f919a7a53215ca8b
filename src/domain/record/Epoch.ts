/**
 * An epoch: the keys that both directions of a chat use for a while (PROTOCOL.md, sections 15 and 16.1).
 */
import type { ChatKeys, Derived } from "../call/ChatKeys.ts"

export interface Epoch extends Pick<Derived, "record" | "index" | "exporter"> {
  /** 0 for the epoch of the handshake, one more for each rekey. */
  readonly number: number
}

/** What is kept of an epoch: the keys of its records are in their ciphers, and nowhere else. */
export type Kept = Omit<Epoch, "record">

/** The epoch of the handshake. */
export const first = (keys: Pick<ChatKeys, "record" | "index" | "exporter">): Epoch => make(0, keys)

/** @param keys what a handshake, or a rekey, has left behind */
export const make = (number: number, { record, index, exporter }: Omit<Epoch, "number">): Epoch => ({
  number,
  record,
  index,
  exporter,
})

export const kept = ({ number, index, exporter }: Kept): Kept => ({ number, index, exporter })
