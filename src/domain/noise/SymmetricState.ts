/**
 * What both sides have in common so far: a chaining key, a hash of everything said, and a cipher (Noise, section 5.2).
 * Values, as all states here; what is more in a state passes through.
 */
import * as Bytes from "../crypto/Bytes.ts"
import * as Hkdf from "../crypto/Hkdf.ts"
import { type Primitives, hashBytes } from "../crypto/Primitives.ts"
import * as CipherState from "./CipherState.ts"

export interface SymmetricState {
  /** `ck`: all secrets so far. */
  readonly chainingKey: Uint8Array
  /** `h`: all that was sent, and the prologue. Not secret. */
  readonly handshakeHash: Uint8Array
  readonly cipher: CipherState.CipherState
}

const empty = new Uint8Array(0)

/** @param name the protocol's name in full, such as `Noise_XX_25519_ChaChaPoly_SHA256` */
export const initial = (primitives: Primitives, name: string): SymmetricState => {
  const text = Bytes.ofText(name)
  const handshakeHash = text.length <= hashBytes ? new Uint8Array(hashBytes) : primitives.sha256(text)
  if (text.length <= hashBytes) handshakeHash.set(text)
  return { chainingKey: handshakeHash, handshakeHash, cipher: CipherState.initial() }
}

/** HKDF as Noise writes it is RFC 5869 without info: so many outputs of 32 bytes. */
const hkdf = (primitives: Primitives, chainingKey: Uint8Array, ikm: Uint8Array, outputs: number): Array<Uint8Array> => {
  const bytes = Hkdf.derive(primitives, { salt: chainingKey, ikm, info: empty, length: outputs * hashBytes })
  return Array.from({ length: outputs }, (_, i) => bytes.slice(i * hashBytes, (i + 1) * hashBytes))
}

export const mixHash = <S extends SymmetricState>(primitives: Primitives, state: S, data: Uint8Array): S => ({
  ...state,
  handshakeHash: primitives.sha256(Bytes.concat(state.handshakeHash, data)),
})

export const mixKey = <S extends SymmetricState>(primitives: Primitives, state: S, ikm: Uint8Array): S => {
  const [chainingKey, key] = hkdf(primitives, state.chainingKey, ikm, 2) as [Uint8Array, Uint8Array]
  return { ...state, chainingKey, cipher: CipherState.initial(key) }
}

export const mixKeyAndHash = <S extends SymmetricState>(primitives: Primitives, state: S, ikm: Uint8Array): S => {
  const [chainingKey, hash, key] = hkdf(primitives, state.chainingKey, ikm, 3) as [Uint8Array, Uint8Array, Uint8Array]
  return { ...mixHash(primitives, state, hash), chainingKey, cipher: CipherState.initial(key) }
}

export const encryptAndHash = <S extends SymmetricState>(
  primitives: Primitives,
  state: S,
  plaintext: Uint8Array,
): { readonly state: S; readonly ciphertext: Uint8Array } | undefined => {
  const sealed = CipherState.encrypt(primitives, state.cipher, state.handshakeHash, plaintext)
  return (
    sealed && {
      state: mixHash(primitives, { ...state, cipher: sealed.state }, sealed.ciphertext),
      ciphertext: sealed.ciphertext,
    }
  )
}

export const decryptAndHash = <S extends SymmetricState>(
  primitives: Primitives,
  state: S,
  ciphertext: Uint8Array,
): { readonly state: S; readonly plaintext: Uint8Array } | undefined => {
  const opened = CipherState.decrypt(primitives, state.cipher, state.handshakeHash, ciphertext)
  return (
    opened && {
      state: mixHash(primitives, { ...state, cipher: opened.state }, ciphertext),
      plaintext: opened.plaintext,
    }
  )
}

/** The two ciphers of what follows the handshake: the initiator's messages, and the responder's. */
export const split = (
  primitives: Primitives,
  state: SymmetricState,
): readonly [initiator: CipherState.CipherState, responder: CipherState.CipherState] => {
  const [first, second] = hkdf(primitives, state.chainingKey, empty, 2)
  return [CipherState.initial(first), CipherState.initial(second)]
}
