/**
 * Messages in a stream of bytes, one after the other (PROTOCOL.md, section 16.2).
 *
 * ```
 * kind 1 (1: text) | length 3 | body, at most 65,536 bytes
 * ```
 *
 * Other kinds are skipped. A reader is a value; whatever pieces the stream comes in, it holds at most one body.
 */
import * as Slab from "./Slab.ts"

export const headerBytes = 4
export const maxBodyBytes = 65_536
/** The one kind that there is: a text, in UTF-8. */
export const textKind = 1

/** How many bytes of the stream messages take. */
export const length = (bodies: ReadonlyArray<Uint8Array>): number => {
  let sum = 0
  for (const body of bodies) sum += headerBytes + body.length
  return sum
}

/** The header of a text whose body has so many bytes. */
export const header = (length: number): Uint8Array => writeHeader(new Uint8Array(headerBytes), 0, length)

const writeHeader = (into: Uint8Array, at: number, length: number): Uint8Array => {
  into[at] = textKind
  into[at + 1] = length >>> 16
  into[at + 2] = length >>> 8
  into[at + 3] = length
  return into
}

/** Adds a text to a slab, where there must be room for it. */
export const add = (slab: Slab.Slab, body: Uint8Array): void => {
  writeHeader(slab.bytes, slab.used, body.length)
  slab.used += headerBytes
  Slab.add(slab, body)
}

/** What of the message that has begun was read. */
export interface Reader {
  /** 0 to 4: so many bytes of the header. */
  readonly headerRead: number
  /** They, as a number. */
  readonly header: number
  /** So many bytes of the body. */
  readonly bodyRead: number
  /** Where they are; of a message that is skipped nothing is kept. */
  readonly body: Slab.Slab | undefined
}

export const start: Reader = { headerRead: 0, header: 0, bodyRead: 0, body: undefined }

/** How many bytes of a message that is not whole yet are kept. */
export const kept = (reader: Reader): number => reader.body?.bytes.length ?? 0

/** Is given each message that ends, with the number of bytes behind it; one that is skipped has no body. */
export type OnMessage = (body: Uint8Array | undefined, bytesBehind: number) => void

/**
 * Reads the next bytes of the stream.
 *
 * @returns none where a message is too long: the stream can't be read any further
 */
export const read = (reader: Reader, bytes: Uint8Array, onMessage: OnMessage): Reader | undefined => {
  const end = bytes.length
  let at = 0
  let { headerRead, header, bodyRead, body } = reader
  while (at < end) {
    while (headerRead < headerBytes && at < end) {
      header = ((header << 8) | bytes[at]!) >>> 0
      headerRead += 1
      at += 1
    }
    if (headerRead < headerBytes) break
    const length = header & 0xffffff
    if (length > maxBodyBytes) return undefined
    const isText = header >>> 24 === textKind
    const piece = Math.min(length - bodyRead, end - at)
    if (bodyRead + piece < length) {
      if (isText) body = keep(body, bodyRead, length, bytes.subarray(at, at + piece))
      bodyRead += piece
      break
    }
    let whole: Uint8Array | undefined
    if (isText) {
      whole = bytes.subarray(at, at + piece)
      if (body !== undefined) whole = keep(body, bodyRead, length, whole).bytes.subarray(0, length)
    }
    at += piece
    onMessage(whole, end - at)
    headerRead = 0
    header = 0
    bodyRead = 0
    body = undefined
  }
  return headerRead === 0 ? start : { headerRead, header, bodyRead, body }
}

/** A body's first pieces and the next one. */
const keep = (body: Slab.Slab | undefined, read: number, length: number, piece: Uint8Array): Slab.Slab => {
  let into = body ?? Slab.make(length)
  // What another value has added to is copied.
  if (Slab.spare(into, read) < piece.length) {
    const copy = Slab.make(length)
    Slab.add(copy, into.bytes.subarray(0, read))
    into = copy
  }
  Slab.add(into, piece)
  return into
}
