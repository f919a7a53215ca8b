/**
 * Puts the messages of one other side together from their fragments (PROTOCOL.md, section 15.2).
 *
 * Fragments are not authenticated: whoever is on the way can add changed ones. So a few versions of each piece are kept,
 * and each that comes is tried with those of the other pieces. The genuine message is among them, whether its fragments
 * came before the changed ones or after.
 */
import * as Bytes from "../crypto/Bytes.ts"
import * as DirectDatagram from "./DirectDatagram.ts"

/** How many versions of a piece are kept. */
export const maxVersions = 4
/** How long a piece waits for the others, in milliseconds. */
export const waitMillis = 5000

interface Piece {
  readonly message: DirectDatagram.Message
  readonly index: number
  readonly bytes: Uint8Array
  readonly since: number
}

/** The oldest first. */
export type Pieces = ReadonlyArray<Piece>

/** The pieces with this one, and the messages that it makes whole, the likeliest first. */
export const add = (
  pieces: Pieces,
  { message, index, piece }: DirectDatagram.Fragment,
  now: number,
): readonly [Pieces, ReadonlyArray<Uint8Array>] => {
  const young = pieces.filter(({ since }) => now - since < waitMillis)
  const isVersion = (other: Piece): boolean => other.message === message && other.index === index
  const rest = young.filter((other) => !isVersion(other))
  const versions = young.filter((other) => isVersion(other) && !Bytes.equals(other.bytes, piece))
  const next = [...rest, ...versions.slice(1 - maxVersions), { message, index, bytes: piece, since: now }]
  const newestFirst = rest.filter((other) => other.message === message).toReversed()
  let wholes: ReadonlyArray<Uint8Array> = [new Uint8Array(0)]
  for (let at = 0; at < DirectDatagram.countOf(message); at++) {
    const choices = at === index ? [piece] : newestFirst.filter((other) => other.index === at).map(({ bytes }) => bytes)
    wholes = wholes.flatMap((whole) => choices.map((bytes) => Bytes.concat(whole, bytes)))
  }
  return [next, wholes]
}
