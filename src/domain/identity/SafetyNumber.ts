/**
 * One number of two people, the same on both sides, for comparing by any way that they trust (PROTOCOL.md, section 12).
 *
 * @example
 *     SafetyNumber.of(primitives, alice, bob) // "04871 55310 …", twelve groups of five digits
 */
import * as Bytes from "../crypto/Bytes.ts"
import * as Hkdf from "../crypto/Hkdf.ts"
import type { Hash } from "../crypto/Primitives.ts"
import * as PersonId from "./PersonId.ts"

const groups = 12
/** Bytes of a group: with five of them, the remainder of 100,000 is as good as even. */
const groupBytes = 5

/** Twelve groups of five digits, joined by blanks. The order of the two does not matter. */
export const of = (hash: Hash, one: PersonId.PersonId, other: PersonId.PersonId): string => {
  const [lower, higher] = PersonId.compare(one, other) <= 0 ? [one, other] : [other, one]
  const okm = Hkdf.derive(hash, {
    salt: new Uint8Array(0),
    ikm: Bytes.concat(PersonId.toBytes(lower), PersonId.toBytes(higher)),
    info: "nomitm/1 safety number",
    length: groups * groupBytes,
  })
  return Array.from({ length: groups }, (_, group) => {
    let number = 0
    for (let i = 0; i < groupBytes; i++) number = number * 256 + okm[group * groupBytes + i]!
    return String(number % 100_000).padStart(5, "0")
  }).join(" ")
}
