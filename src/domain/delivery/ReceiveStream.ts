/**
 * The stream of what the other says: put in order, read as messages, each byte once (PROTOCOL.md, section 16.2). A value.
 *
 * What comes out of order is kept up to the limit that was told, in a bounded number of pieces. Of bytes that come twice
 * the first ones count. What was handed out and not taken holds the limit back.
 */
import * as Message from "./Message.ts"
import * as Queue from "./Queue.ts"
import * as Slab from "./Slab.ts"

/** So far beyond what was consumed the other may send, in bytes. */
export const window = 262_144
/** So many pieces out of order are kept; what would be one more is left to be sent again. */
export const maxPieces = 512

/** Bytes behind a gap. */
interface Piece {
  readonly start: number
  readonly end: number
  readonly slab: Slab.Slab
}

export interface ReceiveStream {
  /** All before it came, and was read. */
  readonly received: number
  /** What is behind it: in order, apart or touching, never overlapping. */
  readonly pieces: ReadonlyArray<Piece>
  readonly reader: Message.Reader
  /** Where each message ends that was handed out and not taken; negative: where one ends that was skipped. */
  readonly untaken: Queue.Queue<number>
  /** Where the last message ends that was taken. */
  readonly consumed: number
}

export const initial: ReceiveStream = {
  received: 0,
  pieces: [],
  reader: Message.start,
  untaken: Queue.empty,
  consumed: 0,
}

/** Up to here the other may send. */
export const limit = ({ consumed }: ReceiveStream): number => consumed + window

/** How much memory is held, in bytes. */
export const kept = ({ pieces, reader }: ReceiveStream): number =>
  pieces.reduce((sum, { slab }) => sum + slab.bytes.length, Message.kept(reader))

/** What became of bytes: none of `Refused` is kept, they must come again. */
export type Outcome = "InOrder" | "Waiting" | "Known" | "Refused" | "Failed"

/**
 * Takes bytes of the stream.
 *
 * @param messages where messages that are whole now are added. They may share memory with `bytes`.
 * @returns `Failed` when a message is too long: nothing further can be read
 */
export const heard = (
  stream: ReceiveStream,
  offset: number,
  bytes: Uint8Array,
  messages: Array<Uint8Array>,
): readonly [ReceiveStream, Outcome] => {
  const end = offset + bytes.length
  const { received } = stream
  if (end > limit(stream)) return [stream, "Refused"]
  if (end <= received) return [stream, "Known"]
  if (offset > received) {
    if (stream.pieces.length >= maxPieces && isApart(stream.pieces, offset, end)) return [stream, "Refused"]
    const pieces = keep(stream.pieces, offset, bytes)
    if (pieces === stream.pieces) return [stream, "Known"]
    return pieces.length > maxPieces ? [stream, "Refused"] : [{ ...stream, pieces }, "Waiting"]
  }
  const next = inOrder(stream, offset === received ? bytes : bytes.subarray(received - offset), messages)
  return next === undefined ? [stream, "Failed"] : [next, "InOrder"]
}

/** The bytes that come next, and all pieces that they lead to. */
const inOrder = (stream: ReceiveStream, bytes: Uint8Array, messages: Array<Uint8Array>): ReceiveStream | undefined => {
  const { pieces } = stream
  let { consumed, reader, received, untaken } = stream
  let next = bytes
  let used = 0
  const onMessage: Message.OnMessage = (body, behind) => {
    const end = received - behind
    if (body !== undefined) {
      messages.push(body)
      untaken = Queue.push(untaken, end)
    } else if (Queue.isEmpty(untaken)) consumed = end
    else untaken = Queue.push(untaken, -end)
  }
  for (;;) {
    received += next.length
    const read = Message.read(reader, next, onMessage)
    if (read === undefined) return undefined
    reader = read
    const piece = pieces[used]
    if (piece === undefined || piece.start > received) break
    // Nothing, if all of it has just come.
    next = piece.slab.bytes.subarray(received - piece.start, piece.end - piece.start)
    used += 1
  }
  return { received, pieces: used === 0 ? pieces : pieces.slice(used), reader, untaken, consumed }
}

/** With what was not there of some bytes; the same pieces if that is nothing. */
const keep = (pieces: ReadonlyArray<Piece>, offset: number, bytes: Uint8Array): ReadonlyArray<Piece> => {
  const end = offset + bytes.length
  const last = pieces.at(-1)
  if (last === undefined || last.end <= offset) return append(pieces.slice(), offset, bytes)
  // Only what lies between is looked at one by one: a record may have a hundred pieces for us.
  const from = firstBehind(pieces, offset)
  const next = pieces[from]!
  if (next.start <= offset && next.end >= end) return pieces
  let until = from
  const all = pieces.slice(0, from)
  let at = offset
  let isNew = false
  const fill = (until: number): void => {
    if (at >= until) return
    append(all, at, bytes.subarray(at - offset, until - offset))
    at = until
    isNew = true
  }
  for (; until < pieces.length && pieces[until]!.start < end; until++) {
    const piece = pieces[until]!
    fill(piece.start)
    at = Math.min(piece.end, end)
    all.push(piece)
  }
  fill(end)
  return isNew ? all.concat(pieces.slice(until)) : pieces
}

/** Whether bytes would be a piece of their own. */
const isApart = (pieces: ReadonlyArray<Piece>, offset: number, end: number): boolean => {
  const at = firstBehind(pieces, offset)
  return (pieces[at]?.start ?? Infinity) >= end && pieces[at - 1]?.end !== offset
}

/** The first piece that ends behind an offset. */
const firstBehind = (pieces: ReadonlyArray<Piece>, offset: number): number => {
  let low = 0
  let high = pieces.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (pieces[middle]!.end > offset) high = middle
    else low = middle + 1
  }
  return low
}

/** Adds bytes behind the last piece, to it where they touch: a copy, for their memory is a whole record's. */
const append = (pieces: Array<Piece>, start: number, bytes: Uint8Array): Array<Piece> => {
  const end = start + bytes.length
  const last = pieces.at(-1)
  if (last === undefined || last.end < start) {
    const slab = Slab.make(bytes.length)
    Slab.add(slab, bytes)
    pieces.push({ start, end, slab })
    return pieces
  }
  const held = last.end - last.start
  const slab = Slab.spare(last.slab, held) < bytes.length ? Slab.grown(last.slab, held, bytes.length) : last.slab
  Slab.add(slab, bytes)
  pieces[pieces.length - 1] = { start: last.start, end, slab }
  return pieces
}

/** The person has taken so many messages more, of those that were handed out. */
export const taken = (stream: ReceiveStream, count: number): ReceiveStream => {
  const { items, head, tail } = stream.untaken
  let { consumed } = stream
  let left = count
  let at = head
  for (; at < tail; at++) {
    const end = items[at]!
    if (end > 0) left -= 1
    if (left < 0) break
    consumed = Math.abs(end)
  }
  return at === head ? stream : { ...stream, consumed, untaken: Queue.drop(stream.untaken, at - head) }
}
