/**
 * The cryptographic primitives that `nomitm/1` is made of, as plain synchronous functions (PROTOCOL.md, section 12).
 *
 * The state machines of `domain` take them as an argument, so that they stay pure: whatever is random (a secret key, a
 * seed) is handed in. `services/Cryptography` brings an implementation to the services.
 *
 * No function throws, whatever comes from the other side (public keys, signatures, ciphertexts) or from a disk (what is
 * to be opened, with key and nonce): what can't be done is `undefined` or `false`. Own secret keys, seeds and randomness
 * have the length that is said here; another one is a mistake in the program, and a `RangeError`. No result shares memory
 * with an argument.
 */

/** Lengths in bytes. */
export const keyBytes = 32
export const tagBytes = 16
export const hashBytes = 32
export const signatureBytes = 64
export const kemSeedBytes = 64
export const kemPublicKeyBytes = 1184
export const kemCiphertextBytes = 1088

/** SHA-256 and its HMAC (FIPS 180-4, RFC 2104). */
export interface Hash {
  readonly sha256: (data: Uint8Array) => Uint8Array
  readonly hmacSha256: (key: Uint8Array, data: Uint8Array) => Uint8Array
}

/** X25519 (RFC 7748). */
export interface X25519 {
  /** The public key of a secret one, both 32 bytes. */
  readonly publicKey: (secretKey: Uint8Array) => Uint8Array
  /** The shared secret, 32 bytes; none for a public key of low order (an all-zero result) or of another length. */
  readonly sharedSecret: (secretKey: Uint8Array, publicKey: Uint8Array) => Uint8Array | undefined
}

/** Ed25519 (RFC 8032). */
export interface Ed25519 {
  /** The public key of a seed, both 32 bytes. */
  readonly publicKey: (seed: Uint8Array) => Uint8Array
  /** 64 bytes. */
  readonly sign: (seed: Uint8Array, message: Uint8Array) => Uint8Array
  readonly verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean
}

/** ML-KEM-768 (FIPS 203). */
export interface MlKem768 {
  /** The encapsulation key, 1,184 bytes, of a 64-byte seed (d | z), which is kept as the decapsulation key. */
  readonly publicKey: (seed: Uint8Array) => Uint8Array
  /**
   * A shared secret for whoever has the seed.
   *
   * @param entropy 32 random bytes, for this once (m of FIPS 203)
   * @returns none if the public key is none of ML-KEM-768 (FIPS 203, section 7.2)
   */
  readonly encapsulate: (
    publicKey: Uint8Array,
    entropy: Uint8Array,
  ) => { readonly ciphertext: Uint8Array; readonly sharedSecret: Uint8Array } | undefined
  /**
   * The shared secret of a ciphertext, 32 bytes; another one than the sender's if it was changed (implicit rejection),
   * none if it has not 1,088 bytes.
   */
  readonly decapsulate: (seed: Uint8Array, ciphertext: Uint8Array) => Uint8Array | undefined
}

/** An AEAD: ChaCha20-Poly1305 with 12-byte nonces (RFC 8439), or XChaCha20-Poly1305 with 24-byte ones. */
export interface Aead {
  /** Ciphertext and 16-byte tag. */
  readonly seal: (key: Uint8Array, nonce: Uint8Array, associatedData: Uint8Array, plaintext: Uint8Array) => Uint8Array
  /** The plaintext; none if anything was changed. */
  readonly open: (
    key: Uint8Array,
    nonce: Uint8Array,
    associatedData: Uint8Array,
    sealed: Uint8Array,
  ) => Uint8Array | undefined
}

/** One key of ChaCha20-Poly1305, made ready once for many records: nonces are four zero bytes and the counter. */
export interface RecordCipher {
  /**
   * Seals `plaintext` into `into`, from `at` on: ciphertext and tag.
   *
   * @param counter the nonce: 0 to 2^53 - 1, little-endian as in Noise
   */
  readonly seal: (
    counter: number,
    associatedData: Uint8Array,
    plaintext: Uint8Array,
    into: Uint8Array,
    at: number,
  ) => void
  /** The plaintext; none if anything was changed. */
  readonly open: (counter: number, associatedData: Uint8Array, sealed: Uint8Array) => Uint8Array | undefined
  /**
   * The same of a whole record, with the plaintext written into `into`, from `at` on; whether it opened. If not, nothing
   * is written.
   *
   * @param record the associated data, and behind it what was sealed
   * @param associatedBytes how much of it is associated data
   */
  readonly openInto: (
    counter: number,
    record: Uint8Array,
    associatedBytes: number,
    into: Uint8Array,
    at: number,
  ) => boolean
}

export interface Primitives extends Hash {
  readonly x25519: X25519
  readonly ed25519: Ed25519
  readonly mlKem768: MlKem768
  readonly chacha20Poly1305: Aead
  readonly xchacha20Poly1305: Aead
  readonly recordCipher: (key: Uint8Array) => RecordCipher
}
