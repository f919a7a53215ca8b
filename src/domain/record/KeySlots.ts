/**
 * The epochs that a side has keys for at a time: at most three (PROTOCOL.md, section 16.1).
 *
 * ```
 *   adopt(new):      previous ◀── current ◀── new             the initiator, when REKEY_2 has opened
 *   prepare(new):                 current     next ◀── new    the responder, when it answers
 *   its first record opens:       previous ◀── current ◀── next
 * ```
 *
 * Mutable: the counter of what is sent, and the window of what was received, change with every record. A counter is
 * handed out once and never again, for the lifetime of its key.
 */
import type { Primitives, RecordCipher } from "../crypto/Primitives.ts"
import * as Epoch from "./Epoch.ts"
import { counterLimit } from "./RecordHeader.ts"
import * as ReplayWindow from "./ReplayWindow.ts"

export interface Slot {
  readonly epoch: Epoch.Kept
  readonly sealing: RecordCipher
  readonly opening: RecordCipher
  readonly window: ReplayWindow.ReplayWindow
  /** The next counter. */
  counter: number
}

export interface KeySlots {
  previous: Slot | undefined
  current: Slot
  next: Slot | undefined
}

const slot = (primitives: Pick<Primitives, "recordCipher">, epoch: Epoch.Epoch): Slot => ({
  epoch: Epoch.kept(epoch),
  sealing: primitives.recordCipher(epoch.record.send),
  opening: primitives.recordCipher(epoch.record.receive),
  window: ReplayWindow.make(),
  counter: 0,
})

export const make = (primitives: Pick<Primitives, "recordCipher">, epoch: Epoch.Epoch): KeySlots => ({
  previous: undefined,
  current: slot(primitives, epoch),
  next: undefined,
})

/** The slot whose records a receiver index and an epoch (modulo 256) name. */
export const find = (slots: KeySlots, index: number, epoch: number): Slot | undefined => {
  const { current, next, previous } = slots
  if (isNamed(current, index, epoch)) return current
  if (next !== undefined && isNamed(next, index, epoch)) return next
  if (previous !== undefined && isNamed(previous, index, epoch)) return previous
  return undefined
}

const isNamed = ({ epoch: { number, index: own } }: Slot, index: number, epoch: number): boolean =>
  own.receive === index && (number & 0xff) === epoch

/** The next counter of a slot, or none when all are used. */
export const takeCounter = (slot: Slot): number | undefined =>
  slot.counter < counterLimit ? slot.counter++ : undefined

/** How many counters of the running epoch are used, in the direction that has used more. */
export const used = ({ current }: KeySlots): number => Math.max(current.counter, current.window.highest + 1)

/** From now on records are sealed with the keys of a new epoch. */
export const adopt = (slots: KeySlots, primitives: Pick<Primitives, "recordCipher">, epoch: Epoch.Epoch): void => {
  slots.previous = slots.current
  slots.current = slot(primitives, epoch)
  slots.next = undefined
}

/** From now on records of a new epoch are read. */
export const prepare = (slots: KeySlots, primitives: Pick<Primitives, "recordCipher">, epoch: Epoch.Epoch): void => {
  slots.next = slot(primitives, epoch)
}

/** The next epoch becomes the current one, if `opened`, whose record has opened, is that; whether it did. */
export const advance = (slots: KeySlots, opened: Slot): boolean => {
  if (opened !== slots.next) return false
  slots.previous = slots.current
  slots.current = opened
  slots.next = undefined
  return true
}

/** Records of the previous epoch are not read any more. */
export const forgetPrevious = (slots: KeySlots): void => {
  slots.previous = undefined
}
