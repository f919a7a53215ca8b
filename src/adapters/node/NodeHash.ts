/**
 * SHA-256 and HMAC-SHA-256 with `node:crypto`.
 *
 * An HMAC is made of two one-shot hashes (RFC 2104): `createHmac` sets up a stream and costs more than twice as much.
 */
import * as Crypto from "node:crypto"
import type { Hash } from "../../domain/crypto/Primitives.ts"

const blockBytes = 64

const sha256 = (data: Uint8Array): Uint8Array => {
  const digest = Crypto.hash("sha256", data, "buffer")
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.byteLength)
}

const padded = (key: Uint8Array, pad: number, data: Uint8Array): Uint8Array => {
  const block = new Uint8Array(blockBytes + data.length).fill(pad, 0, blockBytes)
  for (let i = 0; i < key.length; i++) block[i] = pad ^ key[i]!
  block.set(data, blockBytes)
  return block
}

const hashAndWipe = (data: Uint8Array): Uint8Array => {
  const digest = sha256(data)
  data.fill(0)
  return digest
}

const hmacSha256 = (key: Uint8Array, data: Uint8Array): Uint8Array => {
  const short = key.length > blockBytes ? sha256(key) : key
  return hashAndWipe(padded(short, 0x5c, hashAndWipe(padded(short, 0x36, data))))
}

export const hash: Hash = { sha256, hmacSha256 }
