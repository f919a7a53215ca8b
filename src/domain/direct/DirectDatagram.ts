/**
 * What two peers without a server say before there are keys (PROTOCOL.md, section 15.2), one message a datagram:
 *
 * ```
 * CONNECT   2 | version 1 (= 1) | 0 2                          | sender's nonce 16 | receiver's nonce 16 (zeros while unknown)
 * fragment  3 | message 1 (1 to 3) | index 1 (from 0) | count 1 | sender's nonce 16 | receiver's nonce 16 | 1,100 bytes, or the rest
 * ```
 *
 * The first byte tells them from records, which begin with 1. The messages have fixed lengths, so each fragment has only
 * one form: a header that was changed makes it none.
 */
import * as Schema from "effect/Schema"
import * as Bytes from "../crypto/Bytes.ts"

export const nonceBytes = 16
/** The length of all pieces of a message but the last, in bytes. */
export const pieceBytes = 1100
/** The lengths of the messages, in bytes: the answer is not longer than what it answers. */
export const messageBytes = { 1: 1536, 2: 1536, 3: 384 } as const
export type Message = keyof typeof messageBytes

const connectType = 2
const fragmentType = 3
const version = 1
const headerBytes = 4 + 2 * nonceBytes
export const connectBytes = headerBytes
export const maxFragmentBytes = headerBytes + pieceBytes

const isMessage = (message: number): message is Message => Object.hasOwn(messageBytes, message)

/** How many pieces a message has. */
export const countOf = (message: Message): number => Math.ceil(messageBytes[message] / pieceBytes)

const lengthOf = (message: Message, index: number): number =>
  Math.min(pieceBytes, messageBytes[message] - index * pieceBytes)

const Nonce = Schema.Uint8Array.check(Schema.makeFilter((bytes: Uint8Array) => bytes.length === nonceBytes))

export const DirectDatagram = Schema.TaggedUnion({
  Connect: {
    nonce: Nonce,
    /** The other's nonce; zeros while it is not known. */
    echo: Nonce,
  },
  Fragment: {
    message: Schema.Literals([1, 2, 3]),
    /** Below `countOf(message)`. */
    index: Schema.Int,
    nonce: Nonce,
    /** The receiver's nonce: whoever sends this has heard its CONNECT. */
    echo: Nonce,
    piece: Schema.Uint8Array,
  },
})
export type DirectDatagram = typeof DirectDatagram.Type
export type Connect = Extract<DirectDatagram, { readonly _tag: "Connect" }>
export type Fragment = Extract<DirectDatagram, { readonly _tag: "Fragment" }>

export const encode = (datagram: DirectDatagram): Uint8Array => {
  const { nonce, echo } = datagram
  if (datagram._tag === "Connect") return Bytes.concat(Uint8Array.of(connectType, version, 0, 0), nonce, echo)
  const { message, index, piece } = datagram
  return Bytes.concat(Uint8Array.of(fragmentType, message, index, countOf(message)), nonce, echo, piece)
}

/** None if it is neither. Never throws; what it returns shares no memory with the datagram. */
export const decode = (datagram: Uint8Array): DirectDatagram | undefined => {
  if (datagram.length < headerBytes) return undefined
  const [type, first, second, third] = datagram as unknown as readonly [number, number, number, number]
  const nonce = datagram.slice(4, 4 + nonceBytes)
  const echo = datagram.slice(4 + nonceBytes, headerBytes)
  switch (type) {
    case connectType:
      return datagram.length === connectBytes && first === version && second === 0 && third === 0
        ? { _tag: "Connect", nonce, echo }
        : undefined
    case fragmentType: {
      if (!isMessage(first) || third !== countOf(first) || second >= third) return undefined
      return datagram.length === headerBytes + lengthOf(first, second)
        ? { _tag: "Fragment", message: first, index: second, nonce, echo, piece: datagram.slice(headerBytes) }
        : undefined
    }
    default:
      return undefined
  }
}

/** A message in datagrams. */
export const fragments = (
  message: Message,
  bytes: Uint8Array,
  { nonce, echo }: { readonly nonce: Uint8Array; readonly echo: Uint8Array },
): ReadonlyArray<Uint8Array> =>
  Array.from({ length: countOf(message) }, (_, index) => {
    const piece = bytes.slice(index * pieceBytes, (index + 1) * pieceBytes)
    return encode({ _tag: "Fragment", message, index, nonce, echo, piece })
  })
