/**
 * The outside of a record: what is not encrypted, and how long a record can be (PROTOCOL.md, section 16).
 *
 * ```
 * type 1 (= 1) | epoch 1 (mod 256) | 0 2 | receiver index 4 | counter 8      16 bytes, associated data
 * ciphertext, 64 to 1,200 bytes | tag 16
 * ```
 *
 * Counters are numbers below 2^48.
 */
import { tagBytes } from "../crypto/Primitives.ts"

/** The first byte of a record. */
export const recordType = 1
export const headerBytes = 16
/** The most that frames and padding take. */
export const maxPlaintextBytes = 1200
/** What is padded to a multiple of this is alike from outside. */
export const paddingBytes = 64
export const minRecordBytes = headerBytes + paddingBytes + tagBytes
export const maxRecordBytes = headerBytes + maxPlaintextBytes + tagBytes
/** The first counter that is not used any more. */
export const counterLimit = 2 ** 48

const twoTo32 = 2 ** 32

/** The padded length of so many bytes of frames, 0 to `maxPlaintextBytes`. */
export const padded = (bytes: number): number =>
  bytes <= paddingBytes ? paddingBytes : Math.min((bytes + paddingBytes - 1) & -paddingBytes, maxPlaintextBytes)

/** Whether a datagram can be a record: its length is one that padding makes, its first bytes are right. */
export const isRecord = (datagram: Uint8Array): boolean => {
  const plaintext = datagram.length - headerBytes - tagBytes
  return (
    (plaintext === maxPlaintextBytes ||
      ((plaintext & (paddingBytes - 1)) === 0 && plaintext > 0 && plaintext < maxPlaintextBytes)) &&
    datagram[0] === recordType &&
    datagram[2] === 0 &&
    datagram[3] === 0
  )
}

/** The epoch, modulo 256. */
export const epoch = (datagram: Uint8Array): number => datagram[1]!

/** The receiver index. */
export const index = (datagram: Uint8Array): number => uint32(datagram, 4)

/** The counter: up to 2^64, and no longer exact from 2^53 on. */
export const counter = (datagram: Uint8Array): number => wide(uint32(datagram, 8), uint32(datagram, 12))

/**
 * Writes a header at the start of `into`.
 *
 * @param epoch of any size: its last eight bits count
 * @param index of 32 bits
 * @param counter 0 to 2^48 - 1
 */
export const write = (into: Uint8Array, epoch: number, index: number, counter: number): void => {
  const high = Math.floor(counter / twoTo32)
  const low = counter | 0
  into[0] = recordType
  into[1] = epoch
  into[2] = 0
  into[3] = 0
  into[4] = index >>> 24
  into[5] = index >>> 16
  into[6] = index >>> 8
  into[7] = index
  into[8] = 0
  into[9] = 0
  into[10] = high >>> 8
  into[11] = high
  into[12] = low >>> 24
  into[13] = low >>> 16
  into[14] = low >>> 8
  into[15] = low
}

/**
 * The number whose upper bits and lower 32 bits these are. What is reckoned with a product is kept as a float by the
 * engine, in memory of its own: small numbers are not to be.
 */
export const wide = (high: number, low: number): number => (high === 0 ? low : high * twoTo32 + low)

/** The number that four bytes from `at` on are. */
export const uint32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
