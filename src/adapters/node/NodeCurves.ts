/**
 * X25519 (RFC 7748) and Ed25519 (RFC 8032) with `node:crypto`.
 *
 * To import a secret key costs as much as to use it. The imported key is kept for as long as the caller keeps the bytes
 * it was made of, and no longer: a secret that is dropped, as those of handshakes are, lives on nowhere.
 */
import * as Crypto from "node:crypto"
import { type Ed25519, keyBytes, signatureBytes, type X25519 } from "../../domain/crypto/Primitives.ts"

type Curve = "x25519" | "ed25519"

/** The same memory under the type that `node:crypto` is declared to want. */
const buffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const bytes = (buffer: Buffer): Uint8Array => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)

interface Imported {
  /** What the bytes were when they were imported: if they are other ones by now, it is another key. */
  readonly raw: Uint8Array
  readonly key: Crypto.KeyObject
}

const secretKeys = (curve: Curve): ((raw: Uint8Array) => Crypto.KeyObject) => {
  const known = new WeakMap<Uint8Array, Imported>()
  return (raw) => {
    if (raw.length !== keyBytes) throw new RangeError(`A secret key of ${keyBytes} bytes`)
    const found = known.get(raw)
    if (found !== undefined && Crypto.timingSafeEqual(found.raw, raw)) return found.key
    const key = Crypto.createPrivateKey({ key: buffer(raw), format: "raw-private", asymmetricKeyType: curve })
    known.set(raw, { raw: Uint8Array.from(raw), key })
    return key
  }
}

/** Any 32 bytes are taken: what is no point on the curve shows when the key is used. */
const importPublic = (raw: Uint8Array, curve: Curve): Crypto.KeyObject =>
  Crypto.createPublicKey({ key: buffer(raw), format: "raw-public", asymmetricKeyType: curve })

const publicKey = (secretKey: Crypto.KeyObject): Uint8Array =>
  bytes(Crypto.createPublicKey(secretKey).export({ format: "raw-public" }))

const x25519Secret = secretKeys("x25519")

export const x25519: X25519 = {
  publicKey: (secretKey) => publicKey(x25519Secret(secretKey)),
  sharedSecret: (secretKey, publicKey) => {
    const privateKey = x25519Secret(secretKey)
    if (publicKey.length !== keyBytes) return undefined
    try {
      return bytes(Crypto.diffieHellman({ privateKey, publicKey: importPublic(publicKey, "x25519") }))
    } catch {
      // OpenSSL refuses a result of zeros only.
      return undefined
    }
  },
}

const ed25519Secret = secretKeys("ed25519")

/** y of the points of order 1, 2, 4 and 8 of edwards25519, and the second form of two of them, little-endian. */
const smallOrder: ReadonlyArray<Buffer> = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].map((y) => Buffer.from(y, "hex"))

/** For such a key anybody can sign. Node refuses them itself, but not yet in the first version that is supported. */
const hasSmallOrder = (publicKey: Uint8Array): boolean => {
  const y = Buffer.from(publicKey)
  y[keyBytes - 1]! &= 0x7f
  return smallOrder.some((point) => point.equals(y))
}

export const ed25519: Ed25519 = {
  publicKey: (seed) => publicKey(ed25519Secret(seed)),
  sign: (seed, message) => bytes(Crypto.sign(null, message, ed25519Secret(seed))),
  verify: (publicKey, message, signature) => {
    if (publicKey.length !== keyBytes || signature.length !== signatureBytes || hasSmallOrder(publicKey)) return false
    try {
      return Crypto.verify(null, message, importPublic(publicKey, "ed25519"), signature)
    } catch {
      return false
    }
  },
}
