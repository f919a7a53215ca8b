/**
 * Texts as the bodies of messages: UTF-8. What is none becomes U+FFFD.
 */
import { maxBodyBytes } from "./Message.ts"

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

/** Memory for each body would cost several times as much as all else that is done to say a short text. */
const scratch = new Uint8Array(maxBodyBytes)

/** The body of a text, in memory that the next call writes again; none where it is longer than a body may be. */
export const encode = (text: string): Uint8Array | undefined => {
  const { read, written } = encoder.encodeInto(text, scratch)
  return read < text.length ? undefined : scratch.subarray(0, written)
}

/** How long the body of any text would be, in bytes. */
export const length = (text: string): number => encoder.encode(text).length

/** The text of a body. */
export const decode = (body: Uint8Array): string => decoder.decode(body)
