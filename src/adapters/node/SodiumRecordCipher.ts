/**
 * One key of ChaCha20-Poly1305 for many records, with libsodium (docs/decisions/0005).
 *
 * The key itself stays in the cipher and is copied to the heap for each call, which costs next to nothing: thousands of
 * ciphers take no room there, and nothing need be freed when one is dropped.
 */
import { type RecordCipher } from "../../domain/crypto/Primitives.ts"
import type { Sodium } from "./Sodium.ts"
import * as SodiumAead from "./SodiumAead.ts"

const nonceBytes = 12

export const make = (sodium: Sodium): ((key: Uint8Array) => RecordCipher) => {
  const aead = SodiumAead.chacha20Poly1305(sodium)
  return (key) => {
    const own = Uint8Array.from(key)
    const nonceOf = (counter: number): Uint8Array => {
      const nonce = new Uint8Array(nonceBytes)
      new DataView(nonce.buffer).setBigUint64(4, BigInt(counter), true)
      return nonce
    }
    return {
      seal: (counter, associatedData, plaintext, into, at) => {
        into.set(aead.seal(own, nonceOf(counter), associatedData, plaintext), at)
      },
      open: (counter, associatedData, sealed) => aead.open(own, nonceOf(counter), associatedData, sealed),
    }
  }
}
