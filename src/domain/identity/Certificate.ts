/**
 * Says which X25519 key is a person's static key (PROTOCOL.md, section 12).
 *
 * ```
 * id 32 | static key 32 | serial 8 | expiry 8 | signature 64        144 bytes
 * ```
 *
 * Serial and expiry are seconds since 1970. The signature is the id's.
 */
import * as Result from "effect/Result"
import * as Bytes from "../crypto/Bytes.ts"
import * as Labelled from "../crypto/Labelled.ts"
import { keyBytes, type Primitives, signatureBytes } from "../crypto/Primitives.ts"
import * as PersonId from "./PersonId.ts"

const label = "nomitm/1 certificate"

/** The length of a certificate, in bytes. */
export const bytes = 144
const serialAt = 2 * keyBytes
const expiryAt = serialAt + 8
const signatureAt = bytes - signatureBytes

const daySeconds = 86_400
/** For how long this program makes one, in seconds. */
export const validSeconds = 365 * daySeconds
/** When fewer seconds are left, a new one is made. */
export const renewSeconds = 180 * daySeconds
/** The longest time from serial to expiry that counts, in seconds. */
export const maxValidSeconds = 400 * daySeconds
/** How far in the future a serial may lie, in seconds: clocks differ. */
export const maxAheadSeconds = daySeconds

/** A certificate as it was read: nothing about it is proven before `verify`. */
export interface Certificate {
  readonly id: PersonId.PersonId
  /** X25519, 32 bytes. */
  readonly staticKey: Uint8Array
  /** When it was made, in seconds since 1970; each of an id is larger than the one before. */
  readonly serial: number
  /** From when on it does not count, in seconds since 1970. */
  readonly expiry: number
  /** All of it, 144 bytes. */
  readonly encoded: Uint8Array
}

/**
 * Why a certificate does not count.
 *
 * `SerialTooLow`: a newer one of this id has been seen; whoever shows the older one may have stolen its key. `TooLong`:
 * it says it is valid for longer than any may be.
 */
export type Reason = "BadLength" | "BadSignature" | "Expired" | "NotYet" | "TooLong" | "SerialTooLow"

/** The refusal of a certificate. */
export interface Invalid {
  readonly _tag: "CertificateInvalid"
  readonly reason: Reason
}

const invalid = (reason: Reason): Result.Result<never, Invalid> => Result.fail({ _tag: "CertificateInvalid", reason })

/** Signs a certificate. `serial` and `expiry` are whole seconds since 1970. */
export const make = (
  primitives: Primitives,
  {
    seed,
    staticKey,
    serial,
    expiry,
  }: {
    readonly seed: Uint8Array
    readonly staticKey: Uint8Array
    readonly serial: number
    readonly expiry: number
  },
): Certificate => {
  const publicKey = primitives.ed25519.publicKey(seed)
  const body = Bytes.concat(publicKey, staticKey, Bytes.u64(serial), Bytes.u64(expiry))
  const encoded = Bytes.concat(body, Labelled.sign(primitives, seed, label, body))
  return { id: PersonId.ofBytes(publicKey), staticKey: Uint8Array.from(staticKey), serial, expiry, encoded }
}

/** Takes 144 bytes apart, and believes nothing yet. */
export const decode = (encoded: Uint8Array): Result.Result<Certificate, Invalid> =>
  encoded.length === bytes
    ? Result.succeed({
        id: PersonId.ofBytes(encoded.subarray(0, keyBytes)),
        staticKey: encoded.slice(keyBytes, serialAt),
        serial: Bytes.readU64(encoded, serialAt),
        expiry: Bytes.readU64(encoded, expiryAt),
        encoded: Uint8Array.from(encoded),
      })
    : invalid("BadLength")

/**
 * Whether a certificate counts.
 *
 * @param options.now seconds since 1970
 * @param options.highestSerial the highest serial seen with this id, if any was: the same one still counts
 */
export const verify = (
  primitives: Primitives,
  certificate: Certificate,
  options: { readonly now: number; readonly highestSerial?: number | undefined },
): Result.Result<Certificate, Invalid> => {
  const { id, serial, expiry, encoded } = certificate
  const body = encoded.subarray(0, signatureAt)
  if (!Labelled.verify(primitives, PersonId.toBytes(id), encoded.subarray(signatureAt), label, body)) {
    return invalid("BadSignature")
  }
  if (serial > options.now + maxAheadSeconds) return invalid("NotYet")
  if (expiry <= options.now) return invalid("Expired")
  if (expiry - serial > maxValidSeconds) return invalid("TooLong")
  if (options.highestSerial !== undefined && serial < options.highestSerial) return invalid("SerialTooLow")
  return Result.succeed(certificate)
}

/** `decode`, then `verify`. */
export const read = (
  primitives: Primitives,
  encoded: Uint8Array,
  options: { readonly now: number; readonly highestSerial?: number | undefined },
): Result.Result<Certificate, Invalid> =>
  Result.flatMap(decode(encoded), (certificate) => verify(primitives, certificate, options))

/** Whether a new one should be made, at `now` in seconds since 1970. */
export const isDue = (certificate: Certificate, now: number): boolean => certificate.expiry - now < renewSeconds
