/**
 * A message that is too long for one frame: cut into parts, and put together again of those that have come, in whatever
 * order. Values; what is kept is a copy, so that no record is kept for one of its frames.
 */
import * as Bytes from "../crypto/Bytes.ts"

export interface Part {
  /** From 0 on. */
  readonly part: number
  readonly parts: number
  readonly bytes: Uint8Array
}

/** The parts that have come so far, at their places. */
export type Parts = ReadonlyArray<Uint8Array | undefined>

/** A message in as few parts as there need be; an empty one is one part. */
export const cut = (message: Uint8Array, maxPartBytes: number): ReadonlyArray<Part> => {
  const parts = Math.max(1, Math.ceil(message.length / maxPartBytes))
  return Array.from({ length: parts }, (_, part) => ({
    part,
    parts,
    bytes: message.subarray(part * maxPartBytes, (part + 1) * maxPartBytes),
  }))
}

/** Takes one more. What was cut into another number of parts is another message: then it begins anew. */
export const add = (known: Parts | undefined, { part, parts, bytes }: Part): Parts => {
  const before = known?.length === parts ? known : Array.from({ length: parts }, () => undefined)
  return before.with(part, Uint8Array.from(bytes))
}

/** How many bytes have come. */
export const size = (parts: Parts): number => parts.reduce((sum, part) => sum + (part?.length ?? 0), 0)

/** The message, once all of it is there. */
export const whole = (parts: Parts): Uint8Array | undefined =>
  parts.every((part) => part !== undefined) ? Bytes.concat(...parts) : undefined
