/**
 * `Cryptography` on Node: hashes and curves of `node:crypto`, ciphers and ML-KEM of libsodium (docs/decisions/0005).
 */
import * as Crypto from "node:crypto"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Primitives } from "../../domain/crypto/Primitives.ts"
import { Cryptography } from "../../services/Cryptography.ts"
import * as NodeCurves from "./NodeCurves.ts"
import * as NodeHash from "./NodeHash.ts"
import * as Sodium from "./Sodium.ts"
import * as SodiumAead from "./SodiumAead.ts"
import * as SodiumMlKem768 from "./SodiumMlKem768.ts"
import * as SodiumRecordCipher from "./SodiumRecordCipher.ts"

/** The primitives; to load them takes some 25 ms. */
export const primitives: Effect.Effect<Primitives> = Effect.map(Sodium.load, (sodium) => ({
  ...NodeHash.hash,
  x25519: NodeCurves.x25519,
  ed25519: NodeCurves.ed25519,
  mlKem768: SodiumMlKem768.make(sodium),
  chacha20Poly1305: SodiumAead.chacha20Poly1305(sodium),
  xchacha20Poly1305: SodiumAead.xchacha20Poly1305(sodium),
  recordCipher: SodiumRecordCipher.make(sodium),
}))

export const layer: Layer.Layer<Cryptography> = Layer.effect(
  Cryptography,
  Effect.map(primitives, (primitives) =>
    Cryptography.of({
      primitives,
      randomBytes: (length) => {
        // Not of the pool that `randomBytes` cuts small pieces from: nobody else has this memory.
        const bytes = new Uint8Array(length)
        Crypto.randomFillSync(bytes)
        return bytes
      },
    }),
  ),
)
