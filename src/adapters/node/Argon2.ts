/** Argon2id of `node:crypto`, in a thread of its own: it takes a third of a second, on purpose. */
import * as Crypto from "node:crypto"
import * as Effect from "effect/Effect"
import { keyBytes } from "../../domain/crypto/Primitives.ts"
import { type Kdf, salt } from "../../domain/profile/ProfileFile.ts"

/** A key of 32 bytes. What `kdf` asks for is bounded by its schema. */
export const derive = (passphrase: Uint8Array, kdf: Kdf): Effect.Effect<Uint8Array> =>
  Effect.callback((resume) => {
    const parameters = {
      message: passphrase,
      nonce: salt(kdf),
      parallelism: 1,
      tagLength: keyBytes,
      memory: kdf.memoryKib,
      passes: kdf.passes,
    }
    Crypto.argon2("argon2id", parameters, (cause, key) => {
      resume(cause === null ? Effect.succeed(new Uint8Array(key)) : Effect.die(cause))
    })
  })
