/**
 * The signature in REGISTER: whoever registers has the id's seed, and speaks on this very TLS connection to this very
 * server (PROTOCOL.md, section 14.1). A server that passes it on to another one has nothing there.
 */
import * as Bytes from "../crypto/Bytes.ts"
import * as Labelled from "../crypto/Labelled.ts"
import type { Primitives } from "../crypto/Primitives.ts"
import type { Identity } from "./Identity.ts"
import * as PersonId from "./PersonId.ts"

const label = "nomitm/1 register"

export interface Registration {
  /** Of the TLS connection, 32 bytes. */
  readonly exporter: Uint8Array
  /** SHA-256 of the server's SubjectPublicKeyInfo, 32 bytes. */
  readonly serverKey: Uint8Array
  readonly name: string
}

const data = ({ exporter, serverKey, name }: Registration): Uint8Array =>
  Bytes.concat(exporter, serverKey, Bytes.ofText(name))

/** What is signed, label included. */
export const message = (registration: Registration): Uint8Array => Labelled.message(label, data(registration))

/** 64 bytes. */
export const sign = (primitives: Primitives, identity: Identity, registration: Registration): Uint8Array =>
  Labelled.sign(primitives, identity.seed, label, data(registration))

export const verify = (
  primitives: Primitives,
  id: PersonId.PersonId,
  registration: Registration,
  signature: Uint8Array,
): boolean => Labelled.verify(primitives, PersonId.toBytes(id), signature, label, data(registration))
