/**
 * The cryptographic primitives, and randomness that is fit for keys.
 *
 * Provided by `adapters/node/NodeCryptography`. Both are plain functions that take microseconds and never fail; what is
 * random is drawn here, in the services, and handed to the state machines of `domain`.
 */
import * as Context from "effect/Context"
import type { Primitives } from "../domain/crypto/Primitives.ts"

export class Cryptography extends Context.Service<
  Cryptography,
  {
    readonly primitives: Primitives
    /** So many bytes that nobody can predict. */
    readonly randomBytes: (length: number) => Uint8Array
  }
>()("nomitm/services/Cryptography") {}
