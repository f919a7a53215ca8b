/**
 * Bytes as the protocol writes them: numbers are big-endian unless it says otherwise.
 */
import * as Base64Url from "./Base64Url.ts"

const encoder = new TextEncoder()

/** UTF-8. */
export const ofText = (text: string): Uint8Array => encoder.encode(text)

export const concat = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  let length = 0
  for (const part of parts) length += part.length
  const whole = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** Whether two byte strings are the same. Not for secrets: it stops at the first difference. */
export const equals = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** The order of unsigned bytes: negative, zero or positive. */
export const compare = (a: Uint8Array, b: Uint8Array): number => {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return a.length - b.length
}

/** A whole number, 0 to 2^53 - 1, in eight bytes. */
export const u64 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value))
  return bytes
}

/** The number that eight bytes from `at` on are; beyond 2^53 it is no longer exact. */
export const readU64 = (bytes: Uint8Array, at: number): number =>
  Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(at))

/** As text: base64url without padding (RFC 4648, section 5). */
export const toBase64Url = (bytes: Uint8Array): string => Base64Url.encode(bytes)

/** The bytes of a base64url text, or none. Only the one form that `toBase64Url` writes is read. */
export const fromBase64Url = (text: string): Uint8Array | undefined => Base64Url.decode(text)
