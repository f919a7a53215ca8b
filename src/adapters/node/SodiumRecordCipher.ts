/**
 * One key of ChaCha20-Poly1305 for many records, with libsodium (docs/decisions/0005).
 *
 * The key itself stays in the cipher and is copied to the heap for each call, which costs next to nothing: thousands of
 * ciphers take no room there, nothing need be freed when one is dropped, and the heap holds no key between two calls.
 */
import * as Bytes from "../../domain/crypto/Bytes.ts"
import { keyBytes, type RecordCipher, tagBytes } from "../../domain/crypto/Primitives.ts"
import { areaBytes, type Sodium } from "./Sodium.ts"
import * as SodiumAead from "./SodiumAead.ts"

const nonceBytes = 12
/** What fits in the area beside key and nonce: associated data, text and tag together. */
const mostBytes = areaBytes - keyBytes - nonceBytes

export const make = (sodium: Sodium): ((key: Uint8Array) => RecordCipher) => {
  const { area, library } = sodium
  const encrypt = library._crypto_aead_chacha20poly1305_ietf_encrypt
  const decrypt = library._crypto_aead_chacha20poly1305_ietf_decrypt
  const aead = SodiumAead.chacha20Poly1305(sodium)

  const nonceAt = area + keyBytes
  const associatedAt = nonceAt + nonceBytes
  // Views of the heap, made anew when it has grown.
  let heap = library.HEAPU8
  let view = new DataView(heap.buffer)

  /** Puts key and nonce in their places. */
  const prepare = (key: Uint8Array, counter: number): void => {
    if (heap !== library.HEAPU8) {
      heap = library.HEAPU8
      view = new DataView(heap.buffer)
    }
    heap.set(key, area)
    view.setUint32(nonceAt, 0)
    view.setUint32(nonceAt + 4, counter, true)
    view.setUint32(nonceAt + 8, counter / 0x1_0000_0000, true)
  }

  /** For what doesn't fit; no record is so long. */
  const nonceOf = (counter: number): Uint8Array => {
    const nonce = new Uint8Array(nonceBytes)
    new DataView(nonce.buffer).setBigUint64(4, BigInt(counter), true)
    return nonce
  }

  // A class: thousands of ciphers share what they can do.
  class SodiumRecordCipher implements RecordCipher {
    private readonly key: Uint8Array

    constructor(key: Uint8Array) {
      if (key.length !== keyBytes) throw new RangeError(`A key of ${keyBytes} bytes`)
      this.key = Uint8Array.from(key)
    }

    seal(counter: number, associatedData: Uint8Array, plaintext: Uint8Array, into: Uint8Array, at: number): void {
      const { key } = this
      const associated = associatedData.length
      const length = plaintext.length
      if (associated + length + tagBytes > mostBytes) {
        into.set(aead.seal(key, nonceOf(counter), associatedData, plaintext), at)
        return
      }
      prepare(key, counter)
      heap.set(associatedData, associatedAt)
      const text = associatedAt + associated
      heap.set(plaintext, text)
      encrypt(text, 0, text, length, 0, associatedAt, associated, 0, 0, nonceAt, area)
      heap.fill(0, area, nonceAt)
      into.set(heap.subarray(text, text + length + tagBytes), at)
    }

    open(counter: number, associatedData: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
      if (sealed.length < tagBytes) return undefined
      const plaintext = new Uint8Array(sealed.length - tagBytes)
      const record = Bytes.concat(associatedData, sealed)
      return this.openInto(counter, record, associatedData.length, plaintext, 0) ? plaintext : undefined
    }

    openInto(counter: number, record: Uint8Array, associated: number, into: Uint8Array, at: number): boolean {
      const { key } = this
      const sealed = record.length - associated
      const length = sealed - tagBytes
      if (length < 0) return false
      if (record.length > mostBytes) {
        const data = record.subarray(0, associated)
        const plaintext = aead.open(key, nonceOf(counter), data, record.subarray(associated))
        if (plaintext !== undefined) into.set(plaintext, at)
        return plaintext !== undefined
      }
      prepare(key, counter)
      heap.set(record, associatedAt)
      const text = associatedAt + associated
      if (decrypt(text, 0, 0, text, sealed, 0, associatedAt, associated, 0, nonceAt, area) !== 0) {
        heap.fill(0, area, nonceAt)
        return false
      }
      into.set(heap.subarray(text, text + length), at)
      // The key, and with it all up to the end of the text.
      heap.fill(0, area, text + length)
      return true
    }
  }

  return (key) => new SodiumRecordCipher(key)
}
