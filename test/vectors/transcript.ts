/**
 * Noise with 25519, ChaChaPoly and SHA256 a second time, step by step as the specification has it, with other primitives
 * (@noble) and none of the project's code.
 */
import { chacha20poly1305 } from "@noble/ciphers/chacha.js"
import { x25519 } from "@noble/curves/ed25519.js"
import { hmac } from "@noble/hashes/hmac.js"
import { sha256 } from "@noble/hashes/sha2.js"

export const bytes = (hex: string | undefined): Uint8Array => new Uint8Array(Buffer.from(hex!, "hex"))
export const join = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => new Uint8Array(Buffer.concat(parts))
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

/** One side's view of a handshake, for writing only: the transcript of both sides is the same. */
export const transcript = (name: string) => {
  let h = name.length <= 32 ? join(Buffer.from(name), new Uint8Array(32 - name.length)) : sha256(Buffer.from(name))
  let ck = h
  let k: Uint8Array | undefined
  let n = 0
  const seal = (key: Uint8Array, counter: number, ad: Uint8Array, text: Uint8Array): Uint8Array => {
    const nonce = new Uint8Array(12)
    nonce[4] = counter
    return chacha20poly1305(key, nonce, ad).encrypt(text)
  }
  const hkdf = (ikm: Uint8Array): [Uint8Array, Uint8Array, Uint8Array] => {
    const temp = hmac(sha256, ck, ikm)
    const first = hmac(sha256, temp, Uint8Array.of(1))
    const second = hmac(sha256, temp, join(first, Uint8Array.of(2)))
    return [first, second, hmac(sha256, temp, join(second, Uint8Array.of(3)))]
  }
  const mixHash = (data: Uint8Array): Uint8Array => {
    h = sha256(join(h, data))
    return data
  }
  return {
    mixHash,
    mixKey: (ikm: Uint8Array) => {
      ;[ck, k] = hkdf(ikm)
      n = 0
    },
    mixKeyAndHash: (ikm: Uint8Array) => {
      const [first, second, third] = hkdf(ikm)
      ck = first
      mixHash(second)
      k = third
      n = 0
    },
    say: (text: Uint8Array) => mixHash(k === undefined ? text : seal(k, n++, h, text)),
    hash: () => hex(h),
    chainingKey: () => ck,
    /** What is said after the handshake by the initiator (0) or the responder (1), the `counter`th from them. */
    after: (who: 0 | 1, counter: number, text: Uint8Array) =>
      seal(hkdf(new Uint8Array(0))[who], counter, new Uint8Array(0), text),
  }
}

export const pub = (secret: Uint8Array): Uint8Array => x25519.getPublicKey(secret)
export const dh = (secret: Uint8Array, key: Uint8Array): Uint8Array => x25519.getSharedSecret(secret, key)
