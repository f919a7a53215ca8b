/**
 * The stream of what is said, from the first byte that is not acknowledged on (PROTOCOL.md, section 16.2). A value.
 *
 * ```
 *        base            acked            next        limit      total
 *  ───────┬────────────┬───────┬────────────┬───────────┬──────────┐
 *   gone  │  under way, or to be sent again │   to be sent, later   │
 * ```
 *
 * Each byte from `base` to `next` is acknowledged, in one record that is under way, or to be sent again. What is sent
 * again may be cut differently.
 */
import * as Message from "./Message.ts"
import * as Ranges from "./Ranges.ts"
import * as Slab from "./Slab.ts"

/** So much waits at most, in bytes: what is not acknowledged, sent or not. */
export const maxWaiting = 1024 * 1024
/** How far the other can be sent before it says so, in bytes. */
export const firstLimit = 262_144
/** The size of the pieces of memory, in bytes: as large as what is there already, within these. */
const minChunkBytes = 512
const maxChunkBytes = 16 * 1024

interface Chunk {
  /** The offset of the first byte of the slab. It ends where the next one begins. */
  readonly start: number
  readonly slab: Slab.Slab
}

export interface SendStream {
  readonly chunks: ReadonlyArray<Chunk>
  readonly base: number
  /** What is acknowledged beyond `base`. */
  readonly acked: Ranges.Ranges
  /** What was lost. */
  readonly resend: Ranges.Ranges
  /** All before it was sent once. */
  readonly next: number
  /** The byte before it. */
  readonly last: number
  readonly total: number
  /** The other takes what is before it. */
  readonly limit: number
  /** Where the first message ends that is not delivered; `total` if all are. */
  readonly messageEnd: number
  /** So many messages are. */
  readonly delivered: number
  /** The same for messages of which all was sent once. */
  readonly sentEnd: number
  readonly sent: number
}

export const initial: SendStream = {
  chunks: [],
  base: 0,
  acked: Ranges.none,
  resend: Ranges.none,
  next: 0,
  last: 0,
  total: 0,
  limit: firstLimit,
  messageEnd: 0,
  delivered: 0,
  sentEnd: 0,
  sent: 0,
}

/** How many bytes more can wait, the headers of messages (`Message.headerBytes`) included. */
export const room = ({ base, total }: SendStream): number => maxWaiting - (total - base)

export const isDelivered = ({ base, total }: SendStream): boolean => base === total

/** Whether there is more, and all that the other takes was sent once. */
export const isBlocked = ({ limit, next, resend, total }: SendStream): boolean =>
  next < total && next >= limit && resend.length === 0

/** Adds messages, all or none: for all there must be room, and none be too long. */
export const say = (stream: SendStream, bodies: ReadonlyArray<Uint8Array>): SendStream => {
  const first = bodies[0]
  if (first === undefined || Message.length(bodies) > room(stream)) return stream
  for (const body of bodies) if (body.length > Message.maxBodyBytes) return stream
  const { base, next } = stream
  let { chunks, total } = stream
  for (const body of bodies) {
    const whole = Message.headerBytes + body.length
    if (whole <= minChunkBytes) {
      // One that is short lies in one piece.
      chunks = withRoom(chunks, base, total, whole)
      Message.add(chunks.at(-1)!.slab, body)
    } else {
      chunks = withBytes(chunks, base, total, Message.header(body.length))
      chunks = withBytes(chunks, base, total + Message.headerBytes, body)
    }
    total += whole
  }
  const firstEnd = stream.total + Message.headerBytes + first.length
  return {
    ...stream,
    chunks,
    total,
    messageEnd: isDelivered(stream) ? firstEnd : stream.messageEnd,
    sentEnd: next === stream.total ? firstEnd : stream.sentEnd,
  }
}

/** With so much room at the end, behind the `total` bytes that are there since `base`. */
const withRoom = (chunks: ReadonlyArray<Chunk>, base: number, total: number, room: number): ReadonlyArray<Chunk> => {
  const last = chunks.at(-1)
  if (last !== undefined && Slab.spare(last.slab, total - last.start) >= room) return chunks
  const size = Math.max(minChunkBytes, room, Math.min(maxChunkBytes, total - base))
  // One that is spent, of what the other has all of.
  const needed = base === total ? [] : chunks
  return [...needed, { start: total, slab: Slab.make(size) }]
}

/** With bytes behind the `total` that are there since `base`. */
const withBytes = (
  chunks: ReadonlyArray<Chunk>,
  base: number,
  total: number,
  bytes: Uint8Array,
): ReadonlyArray<Chunk> => {
  let added = chunks
  for (let at = 0; at < bytes.length;) {
    const end = total + at
    const last = added.at(-1)
    const spare = last === undefined ? 0 : Slab.spare(last.slab, end - last.start)
    if (last === undefined || spare === 0) {
      const size = Math.max(minChunkBytes, bytes.length - at, Math.min(maxChunkBytes, end - base))
      added = added.concat({ start: end, slab: Slab.make(size) })
      continue
    }
    const piece = bytes.subarray(at, at + spare)
    Slab.add(last.slab, piece)
    at += piece.length
  }
  return added
}

/** What is to be sent next, at most so many bytes: first what was lost. None where there is nothing, or it is blocked. */
export const nextRange = ({ limit, next, resend, total }: SendStream, most: number): Ranges.Range | undefined => {
  const lost = resend[0]
  const start = lost?.start ?? next
  const end = Math.min(lost?.end ?? Math.min(limit, total), start + most)
  return start < end ? { start, end } : undefined
}

/** A range that `nextRange` gave is sent. */
export const sent = (stream: SendStream, { start, end }: Ranges.Range): SendStream => {
  if (start < stream.next) return { ...stream, resend: Ranges.subtract(stream.resend, start, end) }
  const [sentEnd, sent] = passed(stream, stream.sentEnd, stream.sent, end)
  return { ...stream, next: end, last: byteAt(stream.chunks, end - 1), sentEnd, sent }
}

/** The last byte that was sent: the other has had it, and says where it stands when it comes again. None before that. */
export const lastByte = ({ next }: SendStream): Ranges.Range | undefined =>
  next === 0 ? undefined : { start: next - 1, end: next }

/** The bytes of a range of `nextRange` or `lastByte`. They share memory that is not written again. */
export const bytes = ({ base, chunks, last }: SendStream, { start, end }: Ranges.Range): Uint8Array => {
  if (end <= base) return Uint8Array.of(last)
  let index = indexOf(chunks, start)
  const { slab, start: from } = chunks[index]!
  if ((chunks[index + 1]?.start ?? Infinity) >= end) return slab.bytes.subarray(start - from, end - from)
  const whole = new Uint8Array(end - start)
  for (let at = start; at < end; index += 1) {
    const chunk = chunks[index]!
    const until = Math.min(end, chunks[index + 1]?.start ?? Infinity)
    whole.set(chunk.slab.bytes.subarray(at - chunk.start, until - chunk.start), at - start)
    at = until
  }
  return whole
}

const byteAt = (chunks: ReadonlyArray<Chunk>, offset: number): number => {
  const { slab, start } = chunks[indexOf(chunks, offset)]!
  return slab.bytes[offset - start]!
}

/** Which chunk has the byte at an offset: the last that does not begin behind it. */
const indexOf = (chunks: ReadonlyArray<Chunk>, offset: number): number => {
  let low = 0
  let high = chunks.length - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if (chunks[middle]!.start <= offset) low = middle
    else high = middle - 1
  }
  return low
}

/** The other has a range. */
export const acknowledge = (stream: SendStream, range: Ranges.Range): SendStream => {
  const start = Math.max(range.start, stream.base)
  const end = Math.min(range.end, stream.next)
  if (start >= end) return stream
  const resend = Ranges.subtract(stream.resend, start, end)
  if (start > stream.base) return { ...stream, resend, acked: Ranges.add(stream.acked, start, end) }
  // What was acknowledged beyond it, and touches it, goes with it.
  let base = end
  let merged = 0
  for (const known of stream.acked) {
    if (known.start > base) break
    base = Math.max(base, known.end)
    merged += 1
  }
  const [messageEnd, delivered] = passed(stream, stream.messageEnd, stream.delivered, base)
  return {
    ...stream,
    base,
    acked: merged === 0 ? stream.acked : stream.acked.slice(merged),
    resend,
    delivered,
    messageEnd,
    chunks: base === stream.total ? kept(stream.chunks) : withoutBefore(stream.chunks, base),
  }
}

/** Of the memory of what the other has all of a small piece stays, for texts that are said one by one. */
const kept = (chunks: ReadonlyArray<Chunk>): ReadonlyArray<Chunk> => {
  const last = chunks.at(-1)
  if (last === undefined || last.slab.bytes.length > minChunkBytes) return []
  return chunks.length === 1 ? chunks : [last]
}

/** Goes on from the end of a message, with so many before it, to the first that ends behind an offset, or the last. */
const passed = (
  stream: SendStream,
  messageEnd: number,
  before: number,
  offset: number,
): readonly [end: number, count: number] => {
  let end = messageEnd
  let count = before
  while (end <= offset) {
    count += 1
    if (end === stream.total) break
    end += Message.headerBytes + bodyBytesAt(stream, end)
  }
  return [end, count]
}

/** The length of the body of the message that begins at an offset. */
const bodyBytesAt = ({ chunks }: SendStream, offset: number): number =>
  (byteAt(chunks, offset + 1) << 16) | (byteAt(chunks, offset + 2) << 8) | byteAt(chunks, offset + 3)

const withoutBefore = (chunks: ReadonlyArray<Chunk>, offset: number): ReadonlyArray<Chunk> => {
  const index = indexOf(chunks, offset)
  return index === 0 ? chunks : chunks.slice(index)
}

/** What is not acknowledged of a range is to be sent again. */
export const lost = (stream: SendStream, range: Ranges.Range): SendStream => {
  const { acked, base } = stream
  const { end } = range
  let { resend } = stream
  let start = Math.max(range.start, base)
  for (const known of acked) {
    if (known.start >= end) break
    resend = Ranges.add(resend, start, Math.min(end, known.start))
    start = Math.max(start, known.end)
  }
  return { ...stream, resend: Ranges.add(resend, start, end) }
}

/** The other has told where it stands. What can't be, as beyond what was sent, or going back, is passed over. */
export const told = (stream: SendStream, consumed: number, limit: number): SendStream => {
  const known = consumed <= stream.next ? acknowledge(stream, { start: 0, end: consumed }) : stream
  return limit > known.limit ? { ...known, limit } : known
}
