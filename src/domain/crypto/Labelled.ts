/**
 * What is hashed or signed carries a label that says what for, so that a signature made for one purpose is none for
 * another: `label | 0x00 | data` (PROTOCOL.md, section 11).
 */
import * as Bytes from "./Bytes.ts"
import type { Ed25519, Hash } from "./Primitives.ts"

const zero = Uint8Array.of(0)

/** The bytes that are hashed or signed. A label is ASCII, without zeros. */
export const message = (label: string, ...data: ReadonlyArray<Uint8Array>): Uint8Array =>
  Bytes.concat(Bytes.ofText(label), zero, ...data)

/** SHA-256, 32 bytes. */
export const sha256 = (hash: Hash, label: string, ...data: ReadonlyArray<Uint8Array>): Uint8Array =>
  hash.sha256(message(label, ...data))

/** The Ed25519 signature of whoever has the seed, 64 bytes. */
export const sign = (
  { ed25519 }: { readonly ed25519: Ed25519 },
  seed: Uint8Array,
  label: string,
  ...data: ReadonlyArray<Uint8Array>
): Uint8Array => ed25519.sign(seed, message(label, ...data))

export const verify = (
  { ed25519 }: { readonly ed25519: Ed25519 },
  publicKey: Uint8Array,
  signature: Uint8Array,
  label: string,
  ...data: ReadonlyArray<Uint8Array>
): boolean => ed25519.verify(publicKey, message(label, ...data), signature)
