/**
 * The handshake of two peers without a server: Noise XX with ML-KEM-768, and nothing known beforehand but an address
 * (PROTOCOL.md, section 15.2).
 *
 * ```
 * initiator                          responder
 * begin ──────────── XX1 ──────────▶ answer
 * finish ◀────────── XX2 ───────────    │
 *    │ ───────────── XX3 ──────────▶ complete
 * ChatKeys                           ChatKeys
 * ```
 *
 * XX2 and XX3 also say which chat goes on, where one does (section 15.4). What comes of it if both sides do not say the same
 * is for `DirectOpening` to judge.
 *
 * States are values: a message that is refused changes nothing. What is random is handed in.
 */
import * as Result from "effect/Result"
import type { Judgement, Self } from "../call/CallHandshake.ts"
import * as ChatKeys from "../call/ChatKeys.ts"
import { padded, reader, word } from "../call/PayloadFields.ts"
import * as Bytes from "../crypto/Bytes.ts"
import { kemCiphertextBytes, kemPublicKeyBytes, keyBytes, type Primitives, tagBytes } from "../crypto/Primitives.ts"
import * as Certificate from "../identity/Certificate.ts"
import * as HandshakeState from "../noise/HandshakeState.ts"
import * as PersonName from "../PersonName.ts"
import { messageBytes } from "./DirectDatagram.ts"

/** Lengths of the messages, in bytes. */
const { 1: xx1Bytes, 2: xx2Bytes, 3: xx3Bytes } = messageBytes
const xx1PayloadBytes = xx1Bytes - keyBytes
const xx2PayloadBytes = xx2Bytes - keyBytes - (keyBytes + tagBytes) - tagBytes
const xx3PayloadBytes = xx3Bytes - (keyBytes + tagBytes) - tagBytes
const version = 1
/** The length of a chat id, in bytes. */
export const chatIdBytes = 16

/** The nonces of both sides, 16 bytes each. */
export interface Nonces {
  readonly initiator: Uint8Array
  readonly responder: Uint8Array
}

const initialize = (primitives: Primitives, self: Self, nonces: Nonces, initiator: boolean) =>
  HandshakeState.initialize({
    primitives,
    pattern: "XX",
    initiator,
    prologue: Bytes.concat(Bytes.ofText("nomitm/1 direct"), nonces.initiator, nonces.responder),
    s: self.identity.staticSecret,
  })

/** Who somebody says to be, when Noise has shown that they have this static key. */
const readPeer = (
  primitives: Primitives,
  { remoteStatic }: HandshakeState.HandshakeState,
  encoded: Uint8Array,
  name: string,
  { now, highestSerial }: Judgement,
): ChatKeys.Peer | undefined => {
  const decoded = Result.getOrUndefined(Certificate.decode(encoded))
  if (decoded === undefined || remoteStatic === undefined || !PersonName.isPersonName(name)) return undefined
  const judged = Certificate.verify(primitives, decoded, { now, highestSerial: highestSerial(decoded.id) })
  const certificate = Result.getOrUndefined(judged)
  return certificate && Bytes.equals(certificate.staticKey, remoteStatic)
    ? { id: certificate.id, staticKey: certificate.staticKey, certificate, name }
    : undefined
}

const chatKeys = (
  primitives: Primitives,
  { identity }: Self,
  noise: HandshakeState.HandshakeState,
  kemSecret: Uint8Array,
  peer: ChatKeys.Peer,
): ChatKeys.ChatKeys => ({
  ...ChatKeys.derive(primitives, noise, kemSecret),
  callId: noise.handshakeHash.slice(0, 16),
  isInitiator: noise.initiator,
  h: noise.handshakeHash,
  self: { staticSecret: identity.staticSecret },
  peer,
})

/** Which chat goes on: nothing but zeros, as after the name without it, if none does. */
const goingOn = (resumes: Uint8Array | undefined): Uint8Array =>
  resumes === undefined ? new Uint8Array(1) : Bytes.concat(Uint8Array.of(1), resumes)

/** The chat that goes on, and whether that, and all after it, is as `goingOn` writes it. */
const readGoingOn = (
  from: ReturnType<typeof reader>,
): { readonly isOurs: boolean; readonly resumes: Uint8Array | undefined } => {
  const reason = from.byte()
  const resumes = reason === 1 ? from.take(chatIdBytes) : undefined
  return { isOurs: (reason === 0 || reason === 1) && from.isAtZeros(), resumes }
}

/** The keys of a handshake, and what the other side wants with them. */
export interface Established {
  readonly keys: ChatKeys.ChatKeys
  /** The id of the chat that goes on for the other side, 16 bytes; none if it wants to talk. */
  readonly resumes: Uint8Array | undefined
}

/** XX1 was made, XX2 is awaited. */
export interface Begun {
  readonly self: Self
  readonly noise: HandshakeState.HandshakeState
  readonly kemSeed: Uint8Array
}

/**
 * The initiator's first message.
 *
 * @param entropy random bytes for this once: 32 for the ephemeral key, 64 for ML-KEM
 */
export const begin = (
  primitives: Primitives,
  self: Self,
  nonces: Nonces,
  entropy: { readonly ephemeral: Uint8Array; readonly kemSeed: Uint8Array },
): { readonly state: Begun; readonly xx1: Uint8Array } | undefined => {
  const { ephemeral, kemSeed } = entropy
  const payload = padded(xx1PayloadBytes, Uint8Array.of(version), primitives.mlKem768.publicKey(kemSeed))
  const written = HandshakeState.write(initialize(primitives, self, nonces, true), payload, ephemeral)
  return written && { state: { self, noise: written.state, kemSeed }, xx1: written.message }
}

/** XX2 was made, XX3 is awaited. */
export interface Answered {
  readonly self: Self
  readonly noise: HandshakeState.HandshakeState
  readonly kemSecret: Uint8Array
}

/**
 * The responder's answer to XX1; none if that is not one.
 *
 * @param entropy random bytes for this once, 32 each
 * @param resumes the id of the chat that goes on here, 16 bytes; none without one
 */
export const answer = (
  primitives: Primitives,
  self: Self,
  nonces: Nonces,
  xx1: Uint8Array,
  entropy: { readonly ephemeral: Uint8Array; readonly kemEntropy: Uint8Array },
  resumes?: Uint8Array,
): { readonly state: Answered; readonly xx2: Uint8Array } | undefined => {
  if (xx1.length !== xx1Bytes) return undefined
  const read = HandshakeState.read(initialize(primitives, self, nonces, false), xx1)
  if (read === undefined) return undefined
  const from = reader(read.payload)
  const isOurs = from.byte() === version
  const kemPublicKey = from.take(kemPublicKeyBytes)
  if (!isOurs || !from.isAtZeros()) return undefined
  const encapsulated = primitives.mlKem768.encapsulate(kemPublicKey, entropy.kemEntropy)
  if (encapsulated === undefined) return undefined
  const payload = padded(
    xx2PayloadBytes,
    Uint8Array.of(version),
    self.identity.certificate.encoded,
    encapsulated.ciphertext,
    word(self.name),
    goingOn(resumes),
  )
  const written = HandshakeState.write(read.state, payload, entropy.ephemeral)
  return (
    written && { state: { self, noise: written.state, kemSecret: encapsulated.sharedSecret }, xx2: written.message }
  )
}

/**
 * The initiator's keys and its last message; none if that was no answer to XX1.
 *
 * @param own the id of the chat that goes on here, 16 bytes; none without one
 */
export const finish = (
  primitives: Primitives,
  { self, noise, kemSeed }: Begun,
  xx2: Uint8Array,
  judgement: Judgement,
  own?: Uint8Array,
): (Established & { readonly xx3: Uint8Array }) | undefined => {
  if (xx2.length !== xx2Bytes) return undefined
  const read = HandshakeState.read(noise, xx2)
  if (read === undefined) return undefined
  const from = reader(read.payload)
  const isOurs = from.byte() === version
  const encoded = from.take(Certificate.bytes)
  const ciphertext = from.take(kemCiphertextBytes)
  const name = from.word()
  const chat = readGoingOn(from)
  if (!isOurs || !chat.isOurs) return undefined
  const peer = readPeer(primitives, read.state, encoded, name, judgement)
  const kemSecret = primitives.mlKem768.decapsulate(kemSeed, ciphertext)
  if (peer === undefined || kemSecret === undefined) return undefined
  const payload = padded(
    xx3PayloadBytes,
    Uint8Array.of(version),
    self.identity.certificate.encoded,
    word(self.name),
    goingOn(own),
  )
  const written = HandshakeState.write(read.state, payload)
  if (written === undefined) return undefined
  const keys = chatKeys(primitives, self, written.state, kemSecret, peer)
  return { keys, resumes: chat.resumes, xx3: written.message }
}

/** The responder's keys; none if that was not what comes after XX2. */
export const complete = (
  primitives: Primitives,
  { self, noise, kemSecret }: Answered,
  xx3: Uint8Array,
  judgement: Judgement,
): Established | undefined => {
  if (xx3.length !== xx3Bytes) return undefined
  const read = HandshakeState.read(noise, xx3)
  if (read === undefined) return undefined
  const from = reader(read.payload)
  const isOurs = from.byte() === version
  const encoded = from.take(Certificate.bytes)
  const name = from.word()
  const chat = readGoingOn(from)
  if (!isOurs || !chat.isOurs) return undefined
  const peer = readPeer(primitives, read.state, encoded, name, judgement)
  return peer && { keys: chatKeys(primitives, self, read.state, kemSecret, peer), resumes: chat.resumes }
}
