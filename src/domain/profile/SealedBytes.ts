/**
 * What lies on a disk and nobody else may read or change: contacts, invitations, what a profile has done so far.
 *
 * ```
 * "nomitm/1 sealed\n" | nonce 24 | XChaCha20-Poly1305
 * ```
 *
 * The key is HKDF("", seed, "nomitm/1 profile " | kind, 32), the header is associated data. So a file of another person
 * does not open, nor one of another kind.
 */
import * as Bytes from "../crypto/Bytes.ts"
import * as Hkdf from "../crypto/Hkdf.ts"
import { type Aead, type Hash, keyBytes, tagBytes } from "../crypto/Primitives.ts"

/** Random, so long that the same one never comes twice. */
export const nonceBytes = 24

const header = Bytes.ofText("nomitm/1 sealed\n")

/** What is sealed takes so many bytes more. */
export const overheadBytes = header.length + nonceBytes + tagBytes

/** The key for one kind of file. */
export const key = (hash: Hash, seed: Uint8Array, kind: string): Uint8Array =>
  Hkdf.derive(hash, { salt: new Uint8Array(0), ikm: seed, info: `nomitm/1 profile ${kind}`, length: keyBytes })

/** @param nonce 24 random bytes, for this once */
export const seal = (xchacha: Aead, key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array): Uint8Array =>
  Bytes.concat(header, nonce, xchacha.seal(key, nonce, header, plaintext))

/** What was sealed; none if one bit of it is another, or it was sealed with another key. */
export const open = (xchacha: Aead, key: Uint8Array, sealed: Uint8Array): Uint8Array | undefined => {
  if (sealed.length < overheadBytes || !Bytes.equals(sealed.subarray(0, header.length), header)) return undefined
  const nonce = sealed.subarray(header.length, header.length + nonceBytes)
  return xchacha.open(key, nonce, header, sealed.subarray(header.length + nonceBytes))
}
