/**
 * A handshake of the Noise Protocol Framework, revision 34, with 25519, ChaChaPoly and SHA256 (section 5.3).
 *
 * ```
 * initialize ─▶ state ── write(state, payload, ephemeral) ──▶ { state, message } ─▶ … ─▶ split
 *                     └─ read(state, message) ──────────────▶ { state, payload }
 * ```
 *
 * States are values. A message that is refused leaves nothing behind: the state it was read with still takes the genuine
 * one, so a forged message costs its reading and no more. Whatever is random, the ephemeral secret keys, is handed in.
 */
import { type Primitives, keyBytes, tagBytes } from "../crypto/Primitives.ts"
import * as Bytes from "../crypto/Bytes.ts"
import * as CipherState from "./CipherState.ts"
import * as Pattern from "./Pattern.ts"
import * as SymmetricState from "./SymmetricState.ts"

export interface HandshakeState extends SymmetricState.SymmetricState {
  readonly primitives: Primitives
  readonly pattern: Pattern.Pattern
  readonly initiator: boolean
  /** How many messages were written and read. */
  readonly messages: number
  /** The own secret keys, as far as there are any yet. */
  readonly staticSecret: Uint8Array | undefined
  readonly ephemeralSecret: Uint8Array | undefined
  /** The other's public keys, as far as they are known yet. That a message was read from it is the proof of its key. */
  readonly remoteStatic: Uint8Array | undefined
  readonly remoteEphemeral: Uint8Array | undefined
  /** The pre-shared keys that were not used yet, in the order of their use. */
  readonly psks: ReadonlyArray<Uint8Array>
}

export interface Options {
  readonly primitives: Primitives
  readonly pattern: Pattern.Name | Pattern.Pattern
  readonly initiator: boolean
  /** What both sides must agree on beforehand, bytes of any length. */
  readonly prologue: Uint8Array
  /** The own static secret key, 32 bytes, where the pattern has one. */
  readonly s?: Uint8Array | undefined
  /** The other's static public key, 32 bytes, where the pattern wants it known. */
  readonly rs?: Uint8Array | undefined
  /** The pre-shared keys, 32 bytes each, in the order of their use; they may come later (`withPsks`). */
  readonly psks?: ReadonlyArray<Uint8Array> | undefined
}

/** The longest message, in bytes: 65,535. */
export const maxMessageBytes = CipherState.maxMessageBytes

const mistake = (what: string): never => {
  throw new RangeError(what)
}

const checkLength = (what: string, key: Uint8Array): Uint8Array =>
  key.length === keyBytes ? key : mistake(`${what} has ${key.length} bytes, and not ${keyBytes}`)

/**
 * A handshake before its first message.
 *
 * All that it is given is the program's own choice. A pattern that doesn't exist, a key that the pattern wants known and
 * that isn't there, or a key of another length is a mistake in the program, and a `RangeError`.
 */
export const initialize = (options: Options): HandshakeState => {
  const { initiator, primitives, prologue } = options
  const pattern =
    typeof options.pattern === "string"
      ? (Pattern.parse(options.pattern) ?? mistake(`There is no pattern ${options.pattern}`))
      : options.pattern
  const s = options.s && checkLength("The static secret key", options.s)
  const rs = options.rs && checkLength("The other's static public key", options.rs)
  for (const psk of options.psks ?? []) checkLength("A pre-shared key", psk)

  let symmetric = SymmetricState.initial(primitives, `Noise_${pattern.name}_25519_ChaChaPoly_SHA256`)
  symmetric = SymmetricState.mixHash(primitives, symmetric, prologue)
  for (const side of ["initiator", "responder"] as const) {
    if (!pattern.known[side]) continue
    const own = (side === "initiator") === initiator
    const key = own ? s && primitives.x25519.publicKey(s) : rs
    symmetric = SymmetricState.mixHash(
      primitives,
      symmetric,
      key ?? mistake(`${pattern.name} wants the static key of the ${side}`),
    )
  }
  return {
    ...symmetric,
    primitives,
    pattern,
    initiator,
    messages: 0,
    staticSecret: s,
    ephemeralSecret: undefined,
    remoteStatic: rs,
    remoteEphemeral: undefined,
    psks: options.psks ?? [],
  }
}

/** The state with these pre-shared keys for those to come: they may depend on what was read so far. */
export const withPsks = (state: HandshakeState, psks: ReadonlyArray<Uint8Array>): HandshakeState => {
  for (const psk of psks) checkLength("A pre-shared key", psk)
  return { ...state, psks }
}

/** All messages were written and read. */
export const isComplete = (state: HandshakeState): boolean => state.messages === state.pattern.messages.length

/** It is this side that writes the next message. */
export const isWriting = (state: HandshakeState): boolean =>
  !isComplete(state) && (state.messages % 2 === 0) === state.initiator

/** An ephemeral public key, the own or the other's, which goes in clear. */
const mixEphemeral = (state: HandshakeState, key: Uint8Array): HandshakeState => {
  const mixed = SymmetricState.mixHash(state.primitives, state, key)
  return state.pattern.psk ? SymmetricState.mixKey(state.primitives, mixed, key) : mixed
}

/** The tokens that put nothing into a message. None if a key is missing, or the other's is of low order. */
const mix = (state: HandshakeState, token: Exclude<Pattern.Token, "e" | "s">): HandshakeState | undefined => {
  if (token === "psk") {
    const [psk, ...psks] = state.psks
    return psk && SymmetricState.mixKeyAndHash(state.primitives, { ...state, psks }, psk)
  }
  // The first letter is the initiator's key.
  const [own, other] = state.initiator ? [token[0], token[1]] : [token[1], token[0]]
  const secret = own === "e" ? state.ephemeralSecret : state.staticSecret
  const key = other === "e" ? state.remoteEphemeral : state.remoteStatic
  const shared = secret && key && state.primitives.x25519.sharedSecret(secret, key)
  return shared && SymmetricState.mixKey(state.primitives, state, shared)
}

/**
 * The next message.
 *
 * @param payload encrypted as far as the pattern can by then; with the keys at most 65,535 bytes
 * @param ephemeralSecret 32 random bytes, for this once, if the message has an ephemeral key
 * @returns none if it is not this side's turn, the message would be too long, a key for it is missing, or the other's
 *   key is of low order
 */
export const write = (
  state: HandshakeState,
  payload: Uint8Array,
  ephemeralSecret?: Uint8Array,
): { readonly state: HandshakeState; readonly message: Uint8Array } | undefined => {
  const tokens = state.pattern.messages[state.messages]
  if (tokens === undefined || !isWriting(state)) return undefined
  const { primitives } = state
  const parts: Array<Uint8Array> = []
  let next = state
  for (const token of tokens) {
    if (token === "e") {
      if (ephemeralSecret?.length !== keyBytes) return undefined
      const key = primitives.x25519.publicKey(ephemeralSecret)
      parts.push(key)
      next = mixEphemeral({ ...next, ephemeralSecret }, key)
    } else if (token === "s") {
      if (next.staticSecret === undefined) return undefined
      const sealed = SymmetricState.encryptAndHash(primitives, next, primitives.x25519.publicKey(next.staticSecret))
      if (sealed === undefined) return undefined
      parts.push(sealed.ciphertext)
      next = sealed.state
    } else {
      const mixed = mix(next, token)
      if (mixed === undefined) return undefined
      next = mixed
    }
  }
  const sealed = SymmetricState.encryptAndHash(primitives, next, payload)
  if (sealed === undefined) return undefined
  const message = Bytes.concat(...parts, sealed.ciphertext)
  if (message.length > maxMessageBytes) return undefined
  return { state: { ...sealed.state, messages: state.messages + 1 }, message }
}

/**
 * What the other's next message says. None, and nothing has happened, if it is not the other's turn or anything about
 * the message is not as it must be.
 */
export const read = (
  state: HandshakeState,
  message: Uint8Array,
): { readonly state: HandshakeState; readonly payload: Uint8Array } | undefined => {
  const tokens = state.pattern.messages[state.messages]
  if (tokens === undefined || isWriting(state) || message.length > maxMessageBytes) return undefined
  let rest = message
  const take = (length: number): Uint8Array | undefined => {
    if (rest.length < length) return undefined
    const taken = rest.slice(0, length)
    rest = rest.subarray(length)
    return taken
  }
  let next = state
  for (const token of tokens) {
    if (token === "e") {
      const remoteEphemeral = take(keyBytes)
      if (remoteEphemeral === undefined) return undefined
      next = mixEphemeral({ ...next, remoteEphemeral }, remoteEphemeral)
    } else if (token === "s") {
      const sealed = take(next.cipher.key === undefined ? keyBytes : keyBytes + tagBytes)
      const opened = sealed && SymmetricState.decryptAndHash(state.primitives, next, sealed)
      if (opened === undefined) return undefined
      next = { ...opened.state, remoteStatic: opened.plaintext }
    } else {
      const mixed = mix(next, token)
      if (mixed === undefined) return undefined
      next = mixed
    }
  }
  const opened = SymmetricState.decryptAndHash(state.primitives, next, rest)
  return opened && { state: { ...opened.state, messages: state.messages + 1 }, payload: opened.plaintext }
}

/**
 * The ciphers of what follows, once the handshake is complete. After a one-way pattern (N, K, X) only the initiator
 * sends.
 */
export const split = (
  state: HandshakeState,
): { readonly send: CipherState.CipherState; readonly receive: CipherState.CipherState } | undefined => {
  if (!isComplete(state)) return undefined
  const [initiator, responder] = SymmetricState.split(state.primitives, state)
  return state.initiator ? { send: initiator, receive: responder } : { send: responder, receive: initiator }
}
