/**
 * What two peers without a server say before there are keys (PROTOCOL.md, section 15.2), one message a datagram:
 *
 * ```
 * CONNECT   2 | version 1 (= 1) | 0 2 | nonce 16 | the other's nonce 16 (zeros while unknown)
 * fragment  3 | message 1 (1 to 3) | index 1 | count 1 | the receiver's nonce 16 | at most 1,100 bytes
 * ```
 *
 * The first byte tells them from records, which begin with 1.
 */
import * as Schema from "effect/Schema"
import * as Bytes from "../crypto/Bytes.ts"

export const nonceBytes = 16
/** The longest piece of a message, in bytes. */
export const pieceBytes = 1100
/** How many pieces a message has at most. */
export const maxPieces = 4

const connectType = 2
const fragmentType = 3
const version = 1
const connectBytes = 4 + 2 * nonceBytes
const headerBytes = 4 + nonceBytes

const Nonce = Schema.Uint8Array.check(Schema.makeFilter((bytes: Uint8Array) => bytes.length === nonceBytes))

export const DirectDatagram = Schema.TaggedUnion({
  Connect: {
    nonce: Nonce,
    /** The other's nonce; zeros while it is not known. */
    echo: Nonce,
  },
  Fragment: {
    message: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3 })),
    index: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: maxPieces - 1 })),
    count: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: maxPieces })),
    /** The receiver's nonce: whoever sends this has heard its CONNECT. */
    echo: Nonce,
    piece: Schema.Uint8Array.check(
      Schema.makeFilter((bytes: Uint8Array) => bytes.length >= 1 && bytes.length <= pieceBytes),
    ),
  },
})
export type DirectDatagram = typeof DirectDatagram.Type
export type Fragment = Extract<DirectDatagram, { readonly _tag: "Fragment" }>

export const encode = (datagram: DirectDatagram): Uint8Array =>
  datagram._tag === "Connect"
    ? Bytes.concat(Uint8Array.of(connectType, version, 0, 0), datagram.nonce, datagram.echo)
    : Bytes.concat(
        Uint8Array.of(fragmentType, datagram.message, datagram.index, datagram.count),
        datagram.echo,
        datagram.piece,
      )

/** None if it is neither. Never throws; what it returns shares no memory with the datagram. */
export const decode = (datagram: Uint8Array): DirectDatagram | undefined => {
  switch (datagram[0]) {
    case connectType:
      return datagram.length === connectBytes && datagram[1] === version && datagram[2] === 0 && datagram[3] === 0
        ? { _tag: "Connect", nonce: datagram.slice(4, 4 + nonceBytes), echo: datagram.slice(4 + nonceBytes) }
        : undefined
    case fragmentType: {
      const [, message = 0, index = 0, count = 0] = datagram
      const length = datagram.length - headerBytes
      if (length < 1 || length > pieceBytes || message < 1 || message > 3) return undefined
      if (count < 1 || count > maxPieces || index >= count) return undefined
      return {
        _tag: "Fragment",
        message,
        index,
        count,
        echo: datagram.slice(4, headerBytes),
        piece: datagram.slice(headerBytes),
      }
    }
    default:
      return undefined
  }
}

/** A message in datagrams. */
export const fragments = (message: number, bytes: Uint8Array, echo: Uint8Array): ReadonlyArray<Uint8Array> => {
  const count = Math.ceil(bytes.length / pieceBytes)
  return Array.from({ length: count }, (_, index) =>
    encode({
      _tag: "Fragment",
      message,
      index,
      count,
      echo,
      piece: bytes.slice(index * pieceBytes, (index + 1) * pieceBytes),
    }),
  )
}
