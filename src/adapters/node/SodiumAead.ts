/**
 * ChaCha20-Poly1305 (RFC 8439) and XChaCha20-Poly1305 with libsodium.
 *
 * Each call encrypts in place. In the area lie the key, the nonce, the associated data, the text and its tag.
 */
import { type Aead, keyBytes, tagBytes } from "../../domain/crypto/Primitives.ts"
import type { Libsodium, Sodium } from "./Sodium.ts"

const make = (
  { borrow, library }: Sodium,
  nonceBytes: number,
  encrypt: Libsodium["_crypto_aead_chacha20poly1305_ietf_encrypt"],
  decrypt: Libsodium["_crypto_aead_chacha20poly1305_ietf_decrypt"],
): Aead => {
  const nonceAt = keyBytes
  const associatedAt = keyBytes + nonceBytes

  return {
    seal: (key, nonce, associatedData, plaintext) => {
      if (key.length !== keyBytes || nonce.length !== nonceBytes) {
        throw new RangeError(`A key of ${keyBytes} and a nonce of ${nonceBytes} bytes`)
      }
      const textAt = associatedAt + associatedData.length
      const sealedBytes = plaintext.length + tagBytes
      return borrow(textAt + sealedBytes, (base) => {
        const heap = library.HEAPU8
        heap.set(key, base)
        heap.set(nonce, base + nonceAt)
        heap.set(associatedData, base + associatedAt)
        const text = base + textAt
        heap.set(plaintext, text)
        encrypt(
          text,
          0,
          text,
          plaintext.length,
          0,
          base + associatedAt,
          associatedData.length,
          0,
          0,
          base + nonceAt,
          base,
        )
        return heap.slice(text, text + sealedBytes)
      })
    },
    open: (key, nonce, associatedData, sealed) => {
      if (key.length !== keyBytes || nonce.length !== nonceBytes || sealed.length < tagBytes) return undefined
      const textAt = associatedAt + associatedData.length
      return borrow(textAt + sealed.length, (base) => {
        const heap = library.HEAPU8
        heap.set(key, base)
        heap.set(nonce, base + nonceAt)
        heap.set(associatedData, base + associatedAt)
        const text = base + textAt
        heap.set(sealed, text)
        const status = decrypt(
          text,
          0,
          0,
          text,
          sealed.length,
          0,
          base + associatedAt,
          associatedData.length,
          0,
          base + nonceAt,
          base,
        )
        return status === 0 ? heap.slice(text, text + sealed.length - tagBytes) : undefined
      })
    },
  }
}

export const chacha20Poly1305 = (sodium: Sodium): Aead =>
  make(
    sodium,
    12,
    sodium.library._crypto_aead_chacha20poly1305_ietf_encrypt,
    sodium.library._crypto_aead_chacha20poly1305_ietf_decrypt,
  )

export const xchacha20Poly1305 = (sodium: Sodium): Aead =>
  make(
    sodium,
    24,
    sodium.library._crypto_aead_xchacha20poly1305_ietf_encrypt,
    sodium.library._crypto_aead_xchacha20poly1305_ietf_decrypt,
  )
