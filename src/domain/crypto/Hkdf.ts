/**
 * HKDF over SHA-256 (RFC 5869): many independent keys from one secret.
 *
 * @example
 *     const key = Hkdf.derive(primitives, { salt, ikm: secret, info: "nomitm/1 link i2r", length: 32 })
 */
import * as Bytes from "./Bytes.ts"
import { type Hash, hashBytes } from "./Primitives.ts"

/** The most that can be derived at once, in bytes: the blocks are counted in one byte. */
export const maxBytes = 255 * hashBytes

/** One pseudorandom key, 32 bytes, of a secret of any length. */
export const extract = (hash: Hash, salt: Uint8Array, ikm: Uint8Array): Uint8Array => hash.hmacSha256(salt, ikm)

/**
 * `length` bytes of a pseudorandom key.
 *
 * @param info what they are for: another label, other bytes
 * @param length 0 to `maxBytes`; the length is the program's own choice, and a longer one is a mistake: a `RangeError`
 */
export const expand = (hash: Hash, prk: Uint8Array, info: string | Uint8Array, length: number): Uint8Array => {
  if (length > maxBytes) throw new RangeError(`HKDF gives at most ${maxBytes} bytes, and not ${length}`)
  const label = typeof info === "string" ? Bytes.ofText(info) : info
  const okm = new Uint8Array(length)
  let block: Uint8Array = new Uint8Array(0)
  for (let at = 0, count = 1; at < okm.length; at += hashBytes, count++) {
    block = hash.hmacSha256(prk, Bytes.concat(block, label, Uint8Array.of(count)))
    okm.set(block.subarray(0, okm.length - at), at)
  }
  return okm
}

/**
 * Extract, then expand.
 *
 * @param options.salt not secret, may be empty
 * @param options.ikm the secret
 * @param options.info what the bytes are for, as UTF-8 if it is text
 * @param options.length in bytes, at most `maxBytes`
 */
export const derive = (
  hash: Hash,
  options: {
    readonly salt: Uint8Array
    readonly ikm: Uint8Array
    readonly info: string | Uint8Array
    readonly length: number
  },
): Uint8Array => expand(hash, extract(hash, options.salt, options.ikm), options.info, options.length)
