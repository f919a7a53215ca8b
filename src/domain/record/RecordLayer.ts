/**
 * Makes records of frames and frames of records (PROTOCOL.md, section 16).
 *
 * ```
 *   frames ──seal──▶ datagram of 96 to 1,232 bytes ──open──▶ frames, or why it is dropped
 * ```
 *
 * This runs once for every datagram, junk included, so it is written for speed: what can be told from the header costs
 * no cipher, nothing is copied that need not be, and nothing throws. Mutable: its key slots are. It decides nothing about
 * time, addresses or when keys change: `SealedConversation` does.
 *
 * A layer has no memory but its keys: one record is made or opened at a time, so all layers of a program work in the same.
 */
import type { Primitives } from "../crypto/Primitives.ts"
import type { Epoch } from "./Epoch.ts"
import * as Frame from "./Frame.ts"
import * as KeySlots from "./KeySlots.ts"
import * as RecordHeader from "./RecordHeader.ts"
import * as ReplayWindow from "./ReplayWindow.ts"

export interface RecordLayer {
  readonly primitives: Pick<Primitives, "recordCipher">
  readonly slots: KeySlots.KeySlots
}

/** A record that opened. */
export interface Opened {
  readonly frames: ReadonlyArray<Frame.Frame>
  /** Its counter is the highest so far of the newest epoch: whoever sent it has sent nothing later. */
  readonly isNewest: boolean
  /** It is the first of the next epoch, which is the current one now. */
  readonly advanced: boolean
  /** It is of the current epoch, not of the previous one. */
  readonly isCurrent: boolean
  /** The number of its epoch, and its counter there. */
  readonly epoch: number
  readonly counter: number
}

/** Why a datagram is dropped: no record, none of this chat's epochs, taken or too old, or not sealed with the key. */
export type Dropped = "NoRecord" | "UnknownIndex" | "Repeated" | "Forged"

const { headerBytes, maxPlaintextBytes, paddingBytes } = RecordHeader
const overheadBytes = RecordHeader.minRecordBytes - paddingBytes

interface Slab {
  bytes: Uint8Array
  used: number
}

const slabBytes = 16 * 1024

// The memory of all layers.

/** The header at hand, for the cipher. */
const header = new Uint8Array(headerBytes)
/** Where plaintext is put together, and a view of it for each length there is: by multiples of 64. */
const plaintext = new Uint8Array(maxPlaintextBytes)
const plaintexts: ReadonlyArray<Uint8Array> = Array.from(
  { length: Math.ceil(maxPlaintextBytes / paddingBytes) },
  (_, i) => plaintext.subarray(0, RecordHeader.padded((i + 1) * paddingBytes)),
)
/** For the datagrams to come: many share a piece, which is much cheaper than one for each. */
const sealed: Slab = { bytes: new Uint8Array(0), used: 0 }
/** The same for what is in those that open: frames share it. */
const opened: Slab = { bytes: new Uint8Array(0), used: 0 }

export const make = (primitives: Pick<Primitives, "recordCipher">, epoch: Epoch): RecordLayer => ({
  primitives,
  slots: KeySlots.make(primitives, epoch),
})

/**
 * One record with all the frames, which must fit: at most `maxPlaintextBytes` in all.
 *
 * @returns none if they don't fit, or if the epoch has no counter left
 */
export const seal = (layer: RecordLayer, frames: ReadonlyArray<Frame.Frame>): Uint8Array | undefined => {
  let used = 0
  for (const frame of frames) {
    if (used + Frame.length(frame) > maxPlaintextBytes) return undefined
    used = Frame.write(frame, plaintext, used)
  }
  return sealWritten(layer, used)
}

/** As few records as the frames fit into, in their order. What does not fit into any is left out. */
export const sealAll = (
  layer: RecordLayer,
  frames: ReadonlyArray<Frame.Frame>,
  emit: (datagram: Uint8Array) => void,
): void => {
  let used = 0
  for (const frame of frames) {
    const length = Frame.length(frame)
    if (length > maxPlaintextBytes) continue
    if (used + length > maxPlaintextBytes) {
      const datagram = sealWritten(layer, used)
      if (datagram !== undefined) emit(datagram)
      used = 0
    }
    used = Frame.write(frame, plaintext, used)
  }
  if (used === 0) return
  const datagram = sealWritten(layer, used)
  if (datagram !== undefined) emit(datagram)
}

/** A record of the frames that were written, `used` bytes of them. */
const sealWritten = (layer: RecordLayer, used: number): Uint8Array | undefined => {
  const padded = RecordHeader.padded(used)
  plaintext.fill(0, used, padded)
  const slot = layer.slots.current
  const counter = KeySlots.takeCounter(slot)
  if (counter === undefined) return undefined
  RecordHeader.write(header, slot.epoch.number, slot.epoch.index.send, counter)
  const length = overheadBytes + padded
  const at = allocate(sealed, length)
  const datagram = sealed.bytes.subarray(at, at + length)
  datagram.set(header)
  slot.sealing.seal(counter, header, plaintexts[(padded - 1) >>> 6]!, datagram, headerBytes)
  return datagram
}

/** The frames of a datagram that is a record of this chat and was not taken before; otherwise why it is dropped. */
export const open = (layer: RecordLayer, datagram: Uint8Array): Opened | Dropped => {
  if (!RecordHeader.isRecord(datagram)) return "NoRecord"
  const { slots } = layer
  const slot = KeySlots.find(slots, RecordHeader.index(datagram), RecordHeader.epoch(datagram))
  if (slot === undefined) return "UnknownIndex"
  const counter = RecordHeader.counter(datagram)
  const { window } = slot
  if (counter >= RecordHeader.counterLimit || !ReplayWindow.isFresh(window, counter)) return "Repeated"
  const length = datagram.length - overheadBytes
  const at = allocate(opened, length)
  if (!slot.opening.openInto(counter, datagram, headerBytes, opened.bytes, at)) {
    opened.used = at
    return "Forged"
  }

  const isHighest = counter > window.highest
  ReplayWindow.take(window, counter)
  const advanced = KeySlots.advance(slots, slot)
  const isCurrent = slot === slots.current
  return {
    frames: Frame.readAll(opened.bytes, at, at + length),
    isNewest: isHighest && isCurrent,
    advanced,
    isCurrent,
    epoch: slot.epoch.number,
    counter,
  }
}

/** See `KeySlots.adopt`. */
export const adopt = (layer: RecordLayer, epoch: Epoch): void => KeySlots.adopt(layer.slots, layer.primitives, epoch)

/** See `KeySlots.prepare`. */
export const prepare = (layer: RecordLayer, epoch: Epoch): void =>
  KeySlots.prepare(layer.slots, layer.primitives, epoch)

export const forgetPrevious = (layer: RecordLayer): void => KeySlots.forgetPrevious(layer.slots)

/** The epoch and the counter of the record that is sealed next. */
export const next = ({ slots: { current } }: RecordLayer): { readonly epoch: number; readonly counter: number } => ({
  epoch: current.epoch.number,
  counter: current.counter,
})

/** How many counters of the running epoch are used, in the direction that has used more. */
export const used = (layer: RecordLayer): number => KeySlots.used(layer.slots)

/** Where so many bytes of a slab, or of a new one, are free. */
const allocate = (slab: Slab, length: number): number => {
  if (slab.used + length > slab.bytes.length) {
    slab.bytes = new Uint8Array(slabBytes)
    slab.used = 0
  }
  const at = slab.used
  slab.used += length
  return at
}
