/**
 * An id as people compare it: 160 bits of its hash, in eight groups of four letters and digits (PROTOCOL.md, section 12).
 *
 * @example
 *     Fingerprint.of(primitives, id) // "w5xn-3pqk-…", 39 characters
 */
import * as Labelled from "../crypto/Labelled.ts"
import type { Hash } from "../crypto/Primitives.ts"
import * as PersonId from "./PersonId.ts"

/** RFC 4648, section 6, in lower case: no 0, 1 and 8, which are read as letters. */
const alphabet = "abcdefghijklmnopqrstuvwxyz234567"
const hashedBytes = 20

/** Base32 without padding, of bytes whose bits are a multiple of five. */
const base32 = (bytes: Uint8Array): string => {
  let text = ""
  for (let bit = 0; bit < bytes.length * 8; bit += 5) {
    const at = bit >> 3
    const pair = (bytes[at]! << 8) | (bytes[at + 1] ?? 0)
    text += alphabet[(pair >> (11 - (bit & 7))) & 31]!
  }
  return text
}

/** `xxxx-xxxx-xxxx-xxxx-xxxx-xxxx-xxxx-xxxx`. */
export const of = (hash: Hash, id: PersonId.PersonId): string => {
  const digest = Labelled.sha256(hash, "nomitm/1 fingerprint", PersonId.toBytes(id))
  return base32(digest.subarray(0, hashedBytes)).match(/.{4}/g)!.join("-")
}
