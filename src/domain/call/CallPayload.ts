/**
 * What the first two messages of a chat's handshake say, inside their encryption (PROTOCOL.md, section 15).
 *
 * ```
 * M1  version 1 (= 1) | certificate 144 | ML-KEM-768 public key 1184 | reason 1 | inviteId or chat id 16 |
 *     length 1 | caller's name | length 1 | name or id dialled | zeros: 1,704 bytes
 * M2  version 1 (= 1) | certificate 144 | ML-KEM-768 ciphertext 1088 | length 1 | callee's name | zeros: 1,432 bytes
 * ```
 *
 * The reason of a call is 0 (somebody wants to talk; 16 zeros follow), 1 (and has an invitation) or 2 (a chat goes on).
 * There is one way to write a payload; all others are refused.
 */
import { kemCiphertextBytes, kemPublicKeyBytes, keyBytes, tagBytes } from "../crypto/Primitives.ts"
import * as Certificate from "../identity/Certificate.ts"
import * as Who from "../nomitm1/Who.ts"
import * as PersonName from "../PersonName.ts"
import { padded, reader, word } from "./PayloadFields.ts"

/** Lengths of the messages as they travel, in bytes. */
export const m1Bytes = 1800
export const m2Bytes = 1480
/** M1 carries an ephemeral key and an encrypted static key besides its payload, M2 an ephemeral key. */
const m1PayloadBytes = m1Bytes - keyBytes - (keyBytes + tagBytes) - tagBytes
const m2PayloadBytes = m2Bytes - keyBytes - tagBytes

export const inviteIdBytes = 16
const version = 1
const reasons = { plain: 0, invited: 1, resumes: 2 }

export interface M1 {
  /** The caller's, 144 bytes. */
  readonly certificate: Uint8Array
  readonly kemPublicKey: Uint8Array
  /** 16 bytes; none without an invitation. */
  readonly inviteId: Uint8Array | undefined
  /** The chat that goes on, 16 bytes: the callId of its first call. There is no invitation then. */
  readonly resumes?: Uint8Array | undefined
  /** The caller's. */
  readonly name: PersonName.PersonName
  /** As the caller's person knows the callee. */
  readonly dialled: Who.Who
}

export interface M2 {
  /** The callee's, 144 bytes. */
  readonly certificate: Uint8Array
  readonly kemCiphertext: Uint8Array
  /** The callee's. */
  readonly name: PersonName.PersonName
}

export const encodeM1 = ({ certificate, kemPublicKey, inviteId, resumes, name, dialled }: M1): Uint8Array =>
  padded(
    m1PayloadBytes,
    Uint8Array.of(version),
    certificate,
    kemPublicKey,
    Uint8Array.of(resumes !== undefined ? reasons.resumes : inviteId !== undefined ? reasons.invited : reasons.plain),
    resumes ?? inviteId ?? new Uint8Array(inviteIdBytes),
    word(name),
    word(Who.encode(dialled)),
  )

export const encodeM2 = ({ certificate, kemCiphertext, name }: M2): Uint8Array =>
  padded(m2PayloadBytes, Uint8Array.of(version), certificate, kemCiphertext, word(name))

/** None if it is not exactly what `encodeM1` writes. */
export const decodeM1 = (payload: Uint8Array): M1 | undefined => {
  if (payload.length !== m1PayloadBytes) return undefined
  const from = reader(payload)
  if (from.byte() !== version) return undefined
  const certificate = from.take(Certificate.bytes)
  const kemPublicKey = from.take(kemPublicKeyBytes)
  const reason = from.byte()
  const id = from.take(inviteIdBytes)
  const name = from.word()
  const dialled = Who.decode(from.word())
  if (!from.isAtZeros() || !PersonName.isPersonName(name) || dialled === undefined) return undefined
  const m1 = { certificate, kemPublicKey, inviteId: undefined, resumes: undefined, name, dialled }
  switch (reason) {
    case reasons.plain:
      return id.every((byte) => byte === 0) ? m1 : undefined
    case reasons.invited:
      return { ...m1, inviteId: id }
    case reasons.resumes:
      return { ...m1, resumes: id }
    default:
      return undefined
  }
}

/** None if it is not exactly what `encodeM2` writes. */
export const decodeM2 = (payload: Uint8Array): M2 | undefined => {
  if (payload.length !== m2PayloadBytes) return undefined
  const from = reader(payload)
  if (from.byte() !== version) return undefined
  const certificate = from.take(Certificate.bytes)
  const kemCiphertext = from.take(kemCiphertextBytes)
  const name = from.word()
  return from.isAtZeros() && PersonName.isPersonName(name) ? { certificate, kemCiphertext, name } : undefined
}
