/**
 * The fields that payloads of handshakes are made of (PROTOCOL.md, section 15).
 */
import * as Bytes from "../crypto/Bytes.ts"

/** Length and text: a name has at most 128 bytes. */
export const word = (text: string): Uint8Array => {
  const bytes = Bytes.ofText(text)
  return Bytes.concat(Uint8Array.of(bytes.length), bytes)
}

/** The parts, and zeros up to the length. */
export const padded = (length: number, ...parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const whole = new Uint8Array(length)
  whole.set(Bytes.concat(...parts))
  return whole
}

// What is no UTF-8 becomes U+FFFD, which is in no name.
const decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true })

/** Takes one field after the other. Beyond the end there is nothing, which no field is. */
export const reader = (bytes: Uint8Array) => {
  let at = 0
  const take = (length: number): Uint8Array => bytes.slice(at, (at += length))
  return {
    take,
    byte: (): number | undefined => take(1)[0],
    word: (): string => decoder.decode(take(take(1)[0] ?? 0)),
    isAtZeros: (): boolean => at <= bytes.length && bytes.subarray(at).every((byte) => byte === 0),
  }
}
