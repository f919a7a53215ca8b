/**
 * Bytes as a word of a line: base64url without padding, of a length that is known before it is read (PROTOCOL.md,
 * section 11).
 */
import * as Schema from "effect/Schema"
import * as Bytes from "../crypto/Bytes.ts"

/** Lengths of what stands in lines, in bytes. */
export const callIdBytes = 16
export const hashBytes = 32
export const certificateBytes = 144
export const signatureBytes = 64
export const m1Bytes = 1800
/** The longest that PASS carries: 3,000 characters. */
export const maxDataBytes = 2250
/** The longest record that RELAY carries: as long as any record is (section 16). */
export const maxRecordBytes = 1232
/** What REFLEX tells, for lookups over UDP (section 14.4). */
export const lookupTokenBytes = 16
export const lookupKeyBytes = 32

/** How many characters so many bytes take. */
export const characters = (bytes: number): number => Math.ceil((bytes * 4) / 3)

/** Bytes of one length. */
export const exactly = (length: number) =>
  Schema.Uint8Array.check(
    Schema.makeFilter((bytes: Uint8Array) => bytes.length === length, { identifier: `${length} bytes` }),
  )

/** Bytes of any length from 1 on up to a bound. */
export const atMost = (length: number) =>
  Schema.Uint8Array.check(
    Schema.makeFilter((bytes: Uint8Array) => bytes.length >= 1 && bytes.length <= length, {
      identifier: `1 to ${length} bytes`,
    }),
  )

export const encode = Bytes.toBase64Url

/** Reads a word of exactly so many bytes. What has another length is not looked at. */
export const decode = (word: string | undefined, length: number): Uint8Array | undefined =>
  word?.length === characters(length) ? Bytes.fromBase64Url(word) : undefined

/** Reads a word of 1 to so many bytes. */
export const decodeAtMost = (word: string | undefined, length: number): Uint8Array | undefined =>
  word !== undefined && word.length > 0 && word.length <= characters(length) ? Bytes.fromBase64Url(word) : undefined
