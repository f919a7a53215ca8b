/**
 * The first two messages of a chat's handshake, on both sides (PROTOCOL.md, section 15).
 *
 * ```
 * caller                                                             callee
 * initiate ─────────────── M1 ──────────────▶ readM1 ─▶ Caller: may this one call?
 * readM2 ◀──────────────── M2 ─────────────── answer
 *    └─ ChatKeys                                 └─ ChatKeys, of somebody who is not known to be live before M3
 * ```
 *
 * States are values: a message that is refused changes nothing. What is random is handed in. M3 and M4 are messages of
 * the `LinkChannel`.
 */
import * as Result from "effect/Result"
import * as Bytes from "../crypto/Bytes.ts"
import { keyBytes, type Primitives } from "../crypto/Primitives.ts"
import * as Certificate from "../identity/Certificate.ts"
import type { Identity } from "../identity/Identity.ts"
import * as PersonId from "../identity/PersonId.ts"
import * as HandshakeState from "../noise/HandshakeState.ts"
import type * as Who from "../nomitm1/Who.ts"
import type { PersonName } from "../PersonName.ts"
import * as CallPayload from "./CallPayload.ts"
import * as ChatKeys from "./ChatKeys.ts"

const pattern = "IKpsk2"
const noPsk = new Uint8Array(keyBytes)

const prologue = (callId: Uint8Array, callerHash: Uint8Array, calleeHash: Uint8Array): Uint8Array =>
  Bytes.concat(Bytes.ofText("nomitm/1"), callId, callerHash, calleeHash)

/** Who we are at this server. */
export interface Self {
  readonly identity: Identity
  readonly name: PersonName
}

/** How certificates are judged: `now` in seconds since 1970, `highestSerial` the highest seen with an id. */
export interface Judgement {
  readonly now: number
  readonly highestSerial: (id: PersonId.PersonId) => number | undefined
}

const readCertificate = (primitives: Primitives, encoded: Uint8Array, { now, highestSerial }: Judgement) =>
  Result.flatMap(Certificate.decode(encoded), (certificate) =>
    Certificate.verify(primitives, certificate, { now, highestSerial: highestSerial(certificate.id) }),
  )

// The caller.

/** M1 was made, M2 is awaited. */
export interface Calling {
  readonly callId: Uint8Array
  readonly self: Self
  readonly callee: Certificate.Certificate
  readonly dialled: Who.Who
  readonly noise: HandshakeState.HandshakeState
  readonly kemSeed: Uint8Array
}

/** What a caller draws for one call: random bytes. */
export interface CallerEntropy {
  /** 16 bytes. */
  readonly callId: Uint8Array
  /** 32 bytes. */
  readonly ephemeral: Uint8Array
  /** 64 bytes. */
  readonly kemSeed: Uint8Array
}

/**
 * Calls somebody.
 *
 * @param options.callee a certificate that counts
 * @param options.dialled what the callee is called by our person, or the id
 * @param options.invitation of the callee, where there is one
 * @param options.resumes the chat that goes on, 16 bytes, where one does; without an invitation then
 * @returns none if the certificate's static key is of low order
 */
export const initiate = (
  primitives: Primitives,
  options: {
    readonly self: Self
    readonly callee: Certificate.Certificate
    readonly dialled: Who.Who
    readonly invitation?: { readonly inviteId: Uint8Array; readonly psk: Uint8Array } | undefined
    readonly resumes?: Uint8Array | undefined
    readonly entropy: CallerEntropy
  },
): { readonly state: Calling; readonly m1: Uint8Array } | undefined => {
  const { self, callee, dialled, invitation, resumes, entropy } = options
  const { callId, ephemeral, kemSeed } = entropy
  const { identity, name } = self
  const noise = HandshakeState.initialize({
    primitives,
    pattern,
    initiator: true,
    prologue: prologue(callId, PersonId.hash(primitives, identity.id), PersonId.hash(primitives, callee.id)),
    s: identity.staticSecret,
    rs: callee.staticKey,
    psks: [invitation?.psk ?? noPsk],
  })
  const payload = CallPayload.encodeM1({
    certificate: identity.certificate.encoded,
    kemPublicKey: primitives.mlKem768.publicKey(kemSeed),
    inviteId: invitation?.inviteId,
    resumes,
    name,
    dialled,
  })
  const written = HandshakeState.write(noise, payload, ephemeral)
  return written && { state: { callId, self, callee, dialled, noise: written.state, kemSeed }, m1: written.message }
}

/**
 * The keys, if this is the answer of the one that was called; otherwise none, and the genuine one may still come. Who was
 * dialled by name has that name: the server has said it of nobody else.
 */
export const readM2 = (
  primitives: Primitives,
  state: Calling,
  m2: Uint8Array,
  judgement: Judgement,
): ChatKeys.ChatKeys | undefined => {
  if (m2.length !== CallPayload.m2Bytes) return undefined
  const read = HandshakeState.read(state.noise, m2)
  const payload = read && CallPayload.decodeM2(read.payload)
  if (payload === undefined) return undefined
  const certificate = Result.getOrUndefined(readCertificate(primitives, payload.certificate, judgement))
  const { callee, dialled } = state
  if (dialled._tag === "Name" && payload.name !== dialled.name) return undefined
  if (certificate?.id !== callee.id || !Bytes.equals(certificate.staticKey, callee.staticKey)) return undefined
  const kemSecret = primitives.mlKem768.decapsulate(state.kemSeed, payload.kemCiphertext)
  return kemSecret && chatKeys(primitives, state, read!.state, kemSecret, { certificate, name: payload.name })
}

const chatKeys = (
  primitives: Primitives,
  { callId, self }: { readonly callId: Uint8Array; readonly self: Self },
  noise: HandshakeState.HandshakeState,
  kemSecret: Uint8Array,
  { certificate, name }: { readonly certificate: Certificate.Certificate; readonly name: PersonName },
): ChatKeys.ChatKeys => ({
  ...ChatKeys.derive(primitives, noise, kemSecret),
  callId,
  isInitiator: noise.initiator,
  h: noise.handshakeHash,
  self: { staticSecret: self.identity.staticSecret },
  peer: { id: certificate.id, staticKey: certificate.staticKey, certificate, name },
})

// The callee.

/** Somebody whose M1 counts. That it was made for this call is not known before M3: it may be made by who has our key. */
export interface Caller {
  readonly callId: Uint8Array
  readonly self: Self
  readonly certificate: Certificate.Certificate
  readonly id: PersonId.PersonId
  readonly name: PersonName
  readonly dialled: Who.Who
  /** 16 bytes; none without an invitation. */
  readonly inviteId: Uint8Array | undefined
  /** 16 bytes; none if no chat is to go on. */
  readonly resumes: Uint8Array | undefined
  readonly kemPublicKey: Uint8Array
  readonly noise: HandshakeState.HandshakeState
}

/**
 * Why an M1 does not count. `NotOpened`: it is as if it had never come. All others were written by who has the static
 * key: `Misbound` if certificate, static key and callerHash do not belong together, `NotMe` if somebody else was dialled.
 */
export type Refusal =
  | { readonly _tag: "NotOpened" | "Malformed" | "Misbound" | "NotMe" }
  | {
      readonly _tag: "CertificateInvalid"
      readonly reason: Certificate.Reason
      readonly id: PersonId.PersonId
      readonly name: PersonName
    }

const refused = (tag: "NotOpened" | "Malformed" | "Misbound" | "NotMe"): Result.Result<never, Refusal> =>
  Result.fail({ _tag: tag })

/** Whether a word names us. */
export const isSelf = ({ identity, name }: Self, who: Who.Who): boolean =>
  who._tag === "Name" ? who.name === name : who.id === identity.id

/**
 * Reads a call.
 *
 * @param options.callerHash SHA-256 of the caller's id, as the server says
 */
export const readM1 = (
  primitives: Primitives,
  options: { readonly self: Self; readonly callId: Uint8Array; readonly callerHash: Uint8Array } & Judgement,
  m1: Uint8Array,
): Result.Result<Caller, Refusal> => {
  const { self, callId, callerHash } = options
  if (m1.length !== CallPayload.m1Bytes) return refused("NotOpened")
  const fresh = HandshakeState.initialize({
    primitives,
    pattern,
    initiator: false,
    prologue: prologue(callId, callerHash, PersonId.hash(primitives, self.identity.id)),
    s: self.identity.staticSecret,
  })
  const read = HandshakeState.read(fresh, m1)
  if (read === undefined) return refused("NotOpened")
  const payload = CallPayload.decodeM1(read.payload)
  const decoded = payload && Result.getOrUndefined(Certificate.decode(payload.certificate))
  if (payload === undefined || decoded === undefined) return refused("Malformed")
  const { remoteStatic } = read.state
  if (
    remoteStatic === undefined ||
    !Bytes.equals(decoded.staticKey, remoteStatic) ||
    !Bytes.equals(PersonId.hash(primitives, decoded.id), callerHash)
  ) {
    return refused("Misbound")
  }
  if (!isSelf(self, payload.dialled)) return refused("NotMe")
  const { name, dialled, inviteId, resumes, kemPublicKey } = payload
  return Result.match(readCertificate(primitives, payload.certificate, options), {
    onFailure: ({ _tag, reason }) => Result.fail({ _tag, reason, id: decoded.id, name }),
    onSuccess: (certificate) =>
      Result.succeed({
        callId,
        self,
        certificate,
        id: certificate.id,
        name,
        dialled,
        inviteId,
        resumes,
        kemPublicKey,
        noise: read.state,
      }),
  })
}

/** What a callee draws for one answer: random bytes. */
export interface CalleeEntropy {
  /** 32 bytes. */
  readonly ephemeral: Uint8Array
  /** 32 bytes. */
  readonly kemEntropy: Uint8Array
}

/**
 * Answers a caller.
 *
 * @param psk of the caller's invitation, 32 bytes. For one who came with an invitation there is no answer without it,
 *   and no answer with it for one who came with none
 * @returns none also if the ML-KEM key is none
 */
export const answer = (
  primitives: Primitives,
  caller: Caller,
  psk: Uint8Array | undefined,
  { ephemeral, kemEntropy }: CalleeEntropy,
): { readonly m2: Uint8Array; readonly keys: ChatKeys.ChatKeys } | undefined => {
  const { self, inviteId, kemPublicKey, noise } = caller
  if ((inviteId === undefined) !== (psk === undefined)) return undefined
  if (psk?.every((byte) => byte === 0) === true) return undefined
  const encapsulated = primitives.mlKem768.encapsulate(kemPublicKey, kemEntropy)
  if (encapsulated === undefined) return undefined
  const payload = CallPayload.encodeM2({
    certificate: self.identity.certificate.encoded,
    kemCiphertext: encapsulated.ciphertext,
    name: self.name,
  })
  const written = HandshakeState.write(HandshakeState.withPsks(noise, [psk ?? noPsk]), payload, ephemeral)
  return (
    written && {
      m2: written.message,
      keys: chatKeys(primitives, caller, written.state, encapsulated.sharedSecret, caller),
    }
  )
}
