/**
 * An epoch: the keys that both directions of a chat use for a while (PROTOCOL.md, sections 15 and 16.1).
 */
import type { ChatKeys, Derived } from "../call/ChatKeys.ts"

export interface Epoch extends Pick<Derived, "record" | "index" | "exporter"> {
  /** 0 for the epoch of the handshake, one more for each rekey. */
  readonly number: number
}

/** The epoch of the handshake. */
export const first = (keys: Pick<ChatKeys, "record" | "index" | "exporter">): Epoch => make(0, keys)

/** @param keys what a handshake, or a rekey, has left behind */
export const make = (number: number, { record, index, exporter }: Omit<Epoch, "number">): Epoch => ({
  number,
  record,
  index,
  exporter,
})
