/**
 * The floors of records: ChaCha20-Poly1305 and nothing else, each in the fastest way it is had.
 */
import * as Crypto from "node:crypto"
import * as Effect from "effect/Effect"
import * as Sodium from "../../src/adapters/node/Sodium.ts"

/** Seals and opens with a counter as nonce. What is sealed has a header of 16 bytes, the associated data, before it. */
export interface BareCipher {
  /** The plaintext's ciphertext and tag go into `into`, from 16 on. */
  readonly seal: (counter: number, plaintext: Uint8Array, into: Uint8Array) => void
  /** The plaintext goes into `into`; whether it was sealed right. */
  readonly open: (counter: number, sealed: Uint8Array, into: Uint8Array) => boolean
}

const headerBytes = 16
const tagBytes = 16

/** libsodium on its heap, where the key stays; text and tag are copied in and out. */
export const sodium = async (key: Uint8Array): Promise<BareCipher> => {
  const { library, area } = await Effect.runPromise(Sodium.load)
  const [nonceAt, headerAt, textAt] = [area + 32, area + 44, area + 60]
  const heap = library.HEAPU8
  const view = new DataView(heap.buffer)
  heap.set(key, area)
  heap.fill(0, nonceAt, headerAt)
  const encrypt = library._crypto_aead_chacha20poly1305_ietf_encrypt
  const decrypt = library._crypto_aead_chacha20poly1305_ietf_decrypt
  const prepare = (counter: number, header: Uint8Array): void => {
    view.setUint32(nonceAt + 4, counter, true)
    for (let i = 0; i < headerBytes; i++) heap[headerAt + i] = header[i]!
  }
  return {
    seal: (counter, plaintext, into) => {
      prepare(counter, into)
      heap.set(plaintext, textAt)
      encrypt(textAt, 0, textAt, plaintext.length, 0, headerAt, headerBytes, 0, 0, nonceAt, area)
      into.set(heap.subarray(textAt, textAt + plaintext.length + tagBytes), headerBytes)
    },
    open: (counter, sealed, into) => {
      prepare(counter, sealed)
      const length = sealed.length - headerBytes
      heap.set(sealed.subarray(headerBytes), textAt)
      if (decrypt(textAt, 0, 0, textAt, length, 0, headerAt, headerBytes, 0, nonceAt, area) !== 0) return false
      into.set(heap.subarray(textAt, textAt + length - tagBytes))
      return true
    },
  }
}

/** `node:crypto` with a KeyObject, which is several times as fast there as the bytes of a key. */
export const node = (key: Uint8Array): BareCipher => {
  const keyObject = Crypto.createSecretKey(key)
  const algorithm = "chacha20-poly1305"
  const options = { authTagLength: tagBytes }
  const nonce = new Uint8Array(12)
  const view = new DataView(nonce.buffer)
  return {
    seal: (counter, plaintext, into) => {
      view.setUint32(4, counter, true)
      const cipher = Crypto.createCipheriv(algorithm, keyObject, nonce, options)
      cipher.setAAD(into.subarray(0, headerBytes), { plaintextLength: plaintext.length })
      into.set(cipher.update(plaintext), headerBytes)
      cipher.final()
      into.set(cipher.getAuthTag(), headerBytes + plaintext.length)
    },
    open: (counter, sealed, into) => {
      view.setUint32(4, counter, true)
      const end = sealed.length - tagBytes
      const decipher = Crypto.createDecipheriv(algorithm, keyObject, nonce, options)
      decipher.setAAD(sealed.subarray(0, headerBytes), { plaintextLength: end - headerBytes })
      decipher.setAuthTag(sealed.subarray(end))
      into.set(decipher.update(sealed.subarray(headerBytes, end)))
      decipher.final()
      return true
    },
  }
}
