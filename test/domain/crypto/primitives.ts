/**
 * The real primitives, for tests of what is built on them.
 */
import * as Effect from "effect/Effect"
import * as NodeCryptography from "../../../src/adapters/node/NodeCryptography.ts"
import type { Primitives } from "../../../src/domain/crypto/Primitives.ts"

export const primitives: Primitives = await Effect.runPromise(NodeCryptography.primitives)

/** So many bytes that look random and are the same in every run; another `label` gives other ones. */
export const bytesOf = (label: string, length: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  for (let at = 0, block = 0; at < length; at += 32, block++) {
    const digest = primitives.sha256(new TextEncoder().encode(`${label} ${block}`))
    bytes.set(digest.subarray(0, length - at), at)
  }
  return bytes
}
