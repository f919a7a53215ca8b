/**
 * What a record says: frames, one after the other, and zeros behind them (PROTOCOL.md, section 16).
 *
 * ```
 * frame: type 1 | length 2 | body; type 0: only zeros follow
 * ```
 *
 * Reading never throws. What is no frame ends the reading, what has an unknown type or a body that is none of its type
 * is left out. A body that was read shares its memory with the record.
 */
import { uint32, wide } from "./RecordHeader.ts"

const twoTo32 = 2 ** 32

/** Type and length. */
export const frameHeaderBytes = 3
/** Epoch, part and parts before the bytes. */
const rekeyHeaderBytes = 6
/** A message of a rekey has at most so many parts. */
export const maxRekeyParts = 2
/** The most of it that one frame carries, in bytes. */
export const maxRekeyPartBytes = 1100
export const pathDataBytes = 8
/** The offset before the bytes. */
const dataHeaderBytes = 6
/** Consumed, limit, delay, epoch and count, before the ranges. */
const ackHeaderBytes = 19
/** First and last counter. */
const ackRangeBytes = 12
/** An acknowledgement has at most so many ranges. */
export const maxAckRanges = 32
/** The longest delay that an acknowledgement can tell of, in milliseconds. */
export const maxAckDelay = 0xffff
/** A commitment, or a nonce, of the short string. */
export const sasBytes = 32

export interface RekeyPart {
  readonly _tag: "Rekey1" | "Rekey2"
  readonly epoch: number
  /** From 0 on. */
  readonly part: number
  readonly parts: number
  readonly bytes: Uint8Array
}

/** A piece of the direction's stream (`delivery/Delivery`). */
export interface Data {
  readonly _tag: "Data"
  /** Where in the stream it begins; below 2^48. */
  readonly offset: number
  /** At least one. */
  readonly bytes: Uint8Array
}

/** Record counters, both included; below 2^48. */
export interface AckRange {
  readonly first: number
  readonly last: number
}

export interface Ack {
  readonly _tag: "Ack"
  /** Up to this offset everything was handed to the person. */
  readonly consumed: number
  /** Up to this offset the other may send. */
  readonly limit: number
  /** How long ago the newest record with DATA among them came, in milliseconds, at most `maxAckDelay`. */
  readonly delay: number
  /** The epoch of the records: the full number. */
  readonly epoch: number
  /** At most `maxAckRanges`; that they are the highest first and apart is for the reader to check. */
  readonly ranges: ReadonlyArray<AckRange>
}

export type SasFrame =
  | { readonly _tag: "SasCommit"; readonly run: number; readonly commitment: Uint8Array }
  | { readonly _tag: "SasReply"; readonly run: number; readonly nonce: Uint8Array }
  | { readonly _tag: "SasReveal"; readonly run: number; readonly nonce: Uint8Array }
  | { readonly _tag: "SasAbort"; readonly run: number }
  | { readonly _tag: "SasRequest" }

export type Frame =
  | { readonly _tag: "Probe" }
  | { readonly _tag: "KeepAlive" }
  | { readonly _tag: "Close" }
  | { readonly _tag: "PathChallenge"; readonly data: Uint8Array }
  | { readonly _tag: "PathResponse"; readonly data: Uint8Array }
  | RekeyPart
  | SasFrame
  | Data
  | Ack

export const probe: Frame = { _tag: "Probe" }
export const keepAlive: Frame = { _tag: "KeepAlive" }
export const close: Frame = { _tag: "Close" }
export const sasRequest: SasFrame = { _tag: "SasRequest" }

const types = {
  Probe: 1,
  KeepAlive: 2,
  Close: 4,
  PathChallenge: 5,
  PathResponse: 6,
  Rekey1: 7,
  Rekey2: 8,
  SasCommit: 9,
  SasReply: 10,
  SasReveal: 11,
  SasAbort: 12,
  SasRequest: 13,
  Data: 14,
  Ack: 15,
} as const satisfies Record<Frame["_tag"], number>

/** How many bytes a frame takes. */
export const length = (frame: Frame): number => frameHeaderBytes + bodyBytes(frame)

/** How many bytes an acknowledgement of so many ranges takes. */
export const ackLength = (ranges: number): number => frameHeaderBytes + ackHeaderBytes + ranges * ackRangeBytes

const bodyBytes = (frame: Frame): number => {
  switch (frame._tag) {
    case "Rekey1":
    case "Rekey2":
      return rekeyHeaderBytes + frame.bytes.length
    case "Data":
      return dataHeaderBytes + frame.bytes.length
    case "Ack":
      return ackHeaderBytes + frame.ranges.length * ackRangeBytes
    case "PathChallenge":
    case "PathResponse":
      return pathDataBytes
    case "SasCommit":
    case "SasReply":
    case "SasReveal":
      return 1 + sasBytes
    case "SasAbort":
      return 1
    case "Probe":
    case "KeepAlive":
    case "Close":
    case "SasRequest":
      return 0
  }
}

/** Writes a frame from `at` on, where there must be room for it; returns where it ends. */
export const write = (frame: Frame, into: Uint8Array, at: number): number => {
  const body = bodyBytes(frame)
  const begin = at + frameHeaderBytes
  into[at] = types[frame._tag]
  into[at + 1] = body >>> 8
  into[at + 2] = body
  switch (frame._tag) {
    case "Rekey1":
    case "Rekey2":
      writeUint32(frame.epoch, into, begin)
      into[begin + 4] = frame.part
      into[begin + 5] = frame.parts
      into.set(frame.bytes, begin + rekeyHeaderBytes)
      break
    case "Data":
      writeUint48(frame.offset, into, begin)
      into.set(frame.bytes, begin + dataHeaderBytes)
      break
    case "Ack":
      writeAck(frame, into, begin)
      break
    case "PathChallenge":
    case "PathResponse":
      into.set(frame.data, begin)
      break
    case "SasCommit":
      into[begin] = frame.run
      into.set(frame.commitment, begin + 1)
      break
    case "SasReply":
    case "SasReveal":
      into[begin] = frame.run
      into.set(frame.nonce, begin + 1)
      break
    case "SasAbort":
      into[begin] = frame.run
      break
    case "Probe":
    case "KeepAlive":
    case "Close":
    case "SasRequest":
  }
  return begin + body
}

const writeUint32 = (value: number, into: Uint8Array, at: number): void => {
  into[at] = value >>> 24
  into[at + 1] = value >>> 16
  into[at + 2] = value >>> 8
  into[at + 3] = value
}

const writeUint48 = (value: number, into: Uint8Array, at: number): void => {
  const high = Math.floor(value / twoTo32)
  into[at] = high >>> 8
  into[at + 1] = high
  writeUint32(value | 0, into, at + 2)
}

const writeAck = (ack: Ack, into: Uint8Array, at: number): void => {
  writeUint48(ack.consumed, into, at)
  writeUint48(ack.limit, into, at + 6)
  into[at + 12] = ack.delay >>> 8
  into[at + 13] = ack.delay
  writeUint32(ack.epoch, into, at + 14)
  into[at + 18] = ack.ranges.length
  let begin = at + ackHeaderBytes
  for (const { first, last } of ack.ranges) {
    writeUint48(first, into, begin)
    writeUint48(last, into, begin + 6)
    begin += ackRangeBytes
  }
}

/** The frames in the plaintext of a record, in order. It begins at `start` and ends before `stop`. */
export const readAll = (bytes: Uint8Array, start = 0, stop = bytes.length): ReadonlyArray<Frame> => {
  const frames: Array<Frame> = []
  let at = start
  while (at + frameHeaderBytes <= stop) {
    const type = bytes[at]!
    if (type === 0) break
    const begin = at + frameHeaderBytes
    const end = begin + ((bytes[at + 1]! << 8) | bytes[at + 2]!)
    if (end > stop) break
    const frame = readBody(type, bytes, begin, end)
    if (frame !== undefined) frames.push(frame)
    at = end
  }
  return frames
}

const readBody = (type: number, bytes: Uint8Array, begin: number, end: number): Frame | undefined => {
  const size = end - begin
  switch (type) {
    case types.Probe:
      return size === 0 ? probe : undefined
    case types.KeepAlive:
      return size === 0 ? keepAlive : undefined
    case types.Close:
      return size === 0 ? close : undefined
    case types.PathChallenge:
      return size === pathDataBytes ? { _tag: "PathChallenge", data: bytes.subarray(begin, end) } : undefined
    case types.PathResponse:
      return size === pathDataBytes ? { _tag: "PathResponse", data: bytes.subarray(begin, end) } : undefined
    case types.Rekey1:
    case types.Rekey2: {
      if (size < rekeyHeaderBytes || size > rekeyHeaderBytes + maxRekeyPartBytes) return undefined
      if (!isPart(bytes, begin + 4, maxRekeyParts)) return undefined
      return {
        _tag: type === types.Rekey1 ? "Rekey1" : "Rekey2",
        epoch: uint32(bytes, begin),
        part: bytes[begin + 4]!,
        parts: bytes[begin + 5]!,
        bytes: bytes.subarray(begin + rekeyHeaderBytes, end),
      }
    }
    case types.SasCommit:
      if (size !== 1 + sasBytes) return undefined
      return { _tag: "SasCommit", run: bytes[begin]!, commitment: bytes.subarray(begin + 1, end) }
    case types.SasReply:
    case types.SasReveal:
      if (size !== 1 + sasBytes) return undefined
      return {
        _tag: type === types.SasReply ? "SasReply" : "SasReveal",
        run: bytes[begin]!,
        nonce: bytes.subarray(begin + 1, end),
      }
    case types.SasAbort:
      return size === 1 ? { _tag: "SasAbort", run: bytes[begin]! } : undefined
    case types.SasRequest:
      return size === 0 ? sasRequest : undefined
    case types.Data:
      if (size <= dataHeaderBytes) return undefined
      return { _tag: "Data", offset: uint48(bytes, begin), bytes: bytes.subarray(begin + dataHeaderBytes, end) }
    case types.Ack:
      return readAck(bytes, begin, size)
    default:
      return undefined
  }
}

const readAck = (bytes: Uint8Array, at: number, size: number): Ack | undefined => {
  const count = size < ackHeaderBytes ? Infinity : bytes[at + 18]!
  if (count > maxAckRanges || size !== ackHeaderBytes + count * ackRangeBytes) return undefined
  const ranges: Array<AckRange> = count === 0 ? [] : [readAckRange(bytes, at + ackHeaderBytes)]
  for (let i = 1; i < count; i++) ranges.push(readAckRange(bytes, at + ackHeaderBytes + i * ackRangeBytes))
  return {
    _tag: "Ack",
    consumed: uint48(bytes, at),
    limit: uint48(bytes, at + 6),
    delay: (bytes[at + 12]! << 8) | bytes[at + 13]!,
    epoch: uint32(bytes, at + 14),
    ranges,
  }
}

const readAckRange = (bytes: Uint8Array, at: number): AckRange => ({
  first: uint48(bytes, at),
  last: uint48(bytes, at + 6),
})

const uint48 = (bytes: Uint8Array, at: number): number =>
  wide((bytes[at]! << 8) | bytes[at + 1]!, uint32(bytes, at + 2))

/** Whether part and parts at `at` say that this is one of at most so many. */
const isPart = (bytes: Uint8Array, at: number, most: number): boolean =>
  bytes[at]! < bytes[at + 1]! && bytes[at + 1]! <= most
