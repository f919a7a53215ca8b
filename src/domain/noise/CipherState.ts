/**
 * A key and a counter (Noise, section 5.1). Values: each operation gives the next state and leaves the old one as it was.
 */
import { type Primitives, keyBytes, tagBytes } from "../crypto/Primitives.ts"

export interface CipherState {
  /** None before the first Diffie-Hellman: then nothing is encrypted. */
  readonly key: Uint8Array | undefined
  /** Of the next message. */
  readonly nonce: number
}

/** The longest message, with its tag, in bytes. */
export const maxMessageBytes = 65_535

const empty = new Uint8Array(0)

export const initial = (key?: Uint8Array): CipherState => ({ key, nonce: 0 })

/** Four zero bytes and the counter, little-endian. */
const nonceOf = (counter: bigint): Uint8Array => {
  const nonce = new Uint8Array(12)
  new DataView(nonce.buffer).setBigUint64(4, counter, true)
  return nonce
}

const exhausted = (state: CipherState): boolean => state.nonce >= Number.MAX_SAFE_INTEGER

/** None if the message would be too long, or the key has been used 2^53 - 1 times. */
export const encrypt = (
  { chacha20Poly1305 }: Primitives,
  state: CipherState,
  associatedData: Uint8Array,
  plaintext: Uint8Array,
): { readonly state: CipherState; readonly ciphertext: Uint8Array } | undefined => {
  if (state.key === undefined) {
    return plaintext.length > maxMessageBytes ? undefined : { state, ciphertext: Uint8Array.from(plaintext) }
  }
  if (plaintext.length + tagBytes > maxMessageBytes || exhausted(state)) return undefined
  return {
    state: { key: state.key, nonce: state.nonce + 1 },
    ciphertext: chacha20Poly1305.seal(state.key, nonceOf(BigInt(state.nonce)), associatedData, plaintext),
  }
}

/** None if anything was changed; then the state that was given still waits for the genuine message. */
export const decrypt = (
  { chacha20Poly1305 }: Primitives,
  state: CipherState,
  associatedData: Uint8Array,
  ciphertext: Uint8Array,
): { readonly state: CipherState; readonly plaintext: Uint8Array } | undefined => {
  if (ciphertext.length > maxMessageBytes || exhausted(state)) return undefined
  if (state.key === undefined) return { state, plaintext: Uint8Array.from(ciphertext) }
  const plaintext = chacha20Poly1305.open(state.key, nonceOf(BigInt(state.nonce)), associatedData, ciphertext)
  return plaintext && { state: { key: state.key, nonce: state.nonce + 1 }, plaintext }
}

/** The next key, from which this one can't be found (section 4.2); the counter goes on. */
export const rekey = ({ chacha20Poly1305 }: Primitives, state: CipherState): CipherState =>
  state.key === undefined
    ? state
    : {
        key: chacha20Poly1305
          .seal(state.key, nonceOf(2n ** 64n - 1n), empty, new Uint8Array(keyBytes))
          .slice(0, keyBytes),
        nonce: state.nonce,
      }
