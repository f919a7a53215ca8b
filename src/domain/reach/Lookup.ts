/**
 * Reflexive lookups: a datagram that asks the server where it sees its sender, and the answer (PROTOCOL.md, section
 * 14.4).
 *
 * ```
 * request, 64 bytes  4 | 0 3 | token 16 | transaction 12 | zeros 16 | tag 16
 * reply, 51 bytes    5 | 0 3 | transaction 12 | sealed 19 | tag 16
 * sealed             family 1 (4 or 6) | address 16 (IPv4: its 4 bytes at the end, zeros before) | port 2
 * ```
 *
 * Token and key came through the link over TLS, so only who is connected there is answered, and only the server knows
 * how to answer. Reading never throws.
 */
import * as Bytes from "../crypto/Bytes.ts"
import * as Hkdf from "../crypto/Hkdf.ts"
import { keyBytes, type Primitives, tagBytes } from "../crypto/Primitives.ts"
import * as Endpoint from "../Endpoint.ts"
import * as AddressBytes from "./AddressBytes.ts"

export const tokenBytes = 16
export const transactionBytes = 12
export const requestBytes = 64
export const replyBytes = 51

const requestType = 4
const replyType = 5
const tokenAt = 4
const transactionAt = tokenAt + tokenBytes
const signedBytes = requestBytes - tagBytes
const replyHeaderBytes = 4 + transactionBytes
const addressBytes = 16
const nothing = new Uint8Array(0)

/** The keys of one token, one for each direction. */
export interface Keys {
  readonly request: Uint8Array
  readonly reply: Uint8Array
}

/** @param key the 32 bytes that came with the token */
export const keys = (primitives: Primitives, key: Uint8Array): Keys => {
  const derive = (info: string) => Hkdf.derive(primitives, { salt: nothing, ikm: key, info, length: keyBytes })
  return { request: derive("nomitm/1 lookup request"), reply: derive("nomitm/1 lookup reply") }
}

/** @param transaction 12 random bytes, for this once: it is the nonce */
export const encodeRequest = (
  { chacha20Poly1305 }: Primitives,
  keys: Keys,
  { token, transaction }: { readonly token: Uint8Array; readonly transaction: Uint8Array },
): Uint8Array => {
  const request = new Uint8Array(requestBytes)
  request[0] = requestType
  request.set(token, tokenAt)
  request.set(transaction, transactionAt)
  const tag = chacha20Poly1305.seal(keys.request, transaction, request.subarray(0, signedBytes), nothing)
  request.set(tag, signedBytes)
  return request
}

/** The token of what looks like a request, to find its keys by; none otherwise. Shares no memory with the datagram. */
export const tokenOf = (datagram: Uint8Array): Uint8Array | undefined =>
  datagram.length === requestBytes && isZero(datagram, 1, 4) && datagram[0] === requestType
    ? datagram.slice(tokenAt, transactionAt)
    : undefined

/** The transaction of a genuine request; none otherwise. Shares no memory with the datagram. */
export const openRequest = (
  { chacha20Poly1305 }: Primitives,
  keys: Keys,
  datagram: Uint8Array,
): Uint8Array | undefined => {
  if (tokenOf(datagram) === undefined || !isZero(datagram, transactionAt + transactionBytes, signedBytes)) {
    return undefined
  }
  const transaction = datagram.slice(transactionAt, transactionAt + transactionBytes)
  const associated = datagram.subarray(0, signedBytes)
  const opened = chacha20Poly1305.open(keys.request, transaction, associated, datagram.subarray(signedBytes))
  return opened === undefined ? undefined : transaction
}

/** @param from where the request came from; a zone is left out */
export const encodeReply = (
  { chacha20Poly1305 }: Primitives,
  keys: Keys,
  transaction: Uint8Array,
  from: Endpoint.Endpoint,
): Uint8Array => {
  const header = Bytes.concat(Uint8Array.of(replyType, 0, 0, 0), transaction)
  const address = AddressBytes.ofAddress(from.address)
  const zeros = new Uint8Array(addressBytes - address.length)
  const family = address.length === addressBytes ? 6 : 4
  const plain = Bytes.concat(Uint8Array.of(family), zeros, address, Uint8Array.of(from.port >>> 8, from.port))
  return Bytes.concat(header, chacha20Poly1305.seal(keys.reply, transaction, header, plain))
}

/** The transaction that what looks like a reply is for; none otherwise. Shares no memory with the datagram. */
export const transactionOf = (datagram: Uint8Array): Uint8Array | undefined =>
  datagram.length === replyBytes && datagram[0] === replyType && isZero(datagram, 1, 4)
    ? datagram.slice(4, replyHeaderBytes)
    : undefined

/** Where the server sees us, by a genuine reply to this transaction; none otherwise. */
export const openReply = (
  { chacha20Poly1305 }: Primitives,
  keys: Keys,
  transaction: Uint8Array,
  datagram: Uint8Array,
): Endpoint.Endpoint | undefined => {
  const answers = transactionOf(datagram)
  if (answers === undefined || !Bytes.equals(answers, transaction)) return undefined
  const header = datagram.subarray(0, replyHeaderBytes)
  const plain = chacha20Poly1305.open(keys.reply, transaction, header, datagram.subarray(replyHeaderBytes))
  if (plain === undefined) return undefined
  const last = 1 + addressBytes
  const family = plain[0]
  if (family === 4 && !isZero(plain, 1, last - 4)) return undefined
  if (family !== 4 && family !== 6) return undefined
  const address = AddressBytes.toAddress(plain.subarray(family === 4 ? last - 4 : 1, last))
  const port = (plain[last]! << 8) | plain[last + 1]!
  return address === undefined || !Endpoint.isUnicast(address) || port === 0 ? undefined : { address, port }
}

const isZero = (bytes: Uint8Array, from: number, to: number): boolean => {
  for (let i = from; i < to; i++) if (bytes[i] !== 0) return false
  return true
}
