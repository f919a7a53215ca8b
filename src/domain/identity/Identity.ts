/**
 * One's own keys: everything follows from the seed and the serial of the certificate (PROTOCOL.md, section 12).
 */
import * as Bytes from "../crypto/Bytes.ts"
import * as Hkdf from "../crypto/Hkdf.ts"
import { keyBytes, type Primitives } from "../crypto/Primitives.ts"
import * as Certificate from "./Certificate.ts"
import * as PersonId from "./PersonId.ts"

/** The length of a seed, in bytes. */
export const seedBytes = 32

export interface Identity {
  /** Secret, 32 bytes: who has it is this person. */
  readonly seed: Uint8Array
  readonly id: PersonId.PersonId
  /** Secret, 32 bytes: X25519, of the certificate's static key. */
  readonly staticSecret: Uint8Array
  readonly certificate: Certificate.Certificate
}

/** The secret of the static key that the certificate of this serial names, 32 bytes. */
export const staticSecret = (primitives: Primitives, seed: Uint8Array, serial: number): Uint8Array =>
  Hkdf.derive(primitives, {
    salt: new Uint8Array(0),
    ikm: seed,
    info: Bytes.concat(Bytes.ofText("nomitm/1 static"), Bytes.u64(serial)),
    length: keyBytes,
  })

/**
 * The identity of a seed. The same seed and serial make the same keys and certificate, byte for byte.
 *
 * @param seed 32 random bytes
 * @param options.serial of the certificate made last with this seed; none for a new or a restored one
 * @param options.now seconds since 1970, whole: the serial if there is none yet
 */
export const fromSeed = (
  primitives: Primitives,
  seed: Uint8Array,
  options: { readonly serial?: number | undefined; readonly now: number },
): Identity => {
  const serial = options.serial ?? options.now
  const secret = staticSecret(primitives, seed, serial)
  const certificate = Certificate.make(primitives, {
    seed,
    staticKey: primitives.x25519.publicKey(secret),
    serial,
    expiry: serial + Certificate.validSeconds,
  })
  return { seed, id: PersonId.ofBytes(primitives.ed25519.publicKey(seed)), staticSecret: secret, certificate }
}

/** The same person with a new static key and certificate if the one at hand has become old; otherwise unchanged. */
export const renewed = (primitives: Primitives, identity: Identity, now: number): Identity =>
  Certificate.isDue(identity.certificate, now)
    ? fromSeed(primitives, identity.seed, { serial: Math.max(now, identity.certificate.serial + 1), now })
    : identity
