/**
 * All chance of a simulation, out of one seed: what `Random` draws, and the bytes that are fit for keys elsewhere.
 */
import { Layer } from "effect"
import { Cryptography } from "nomitm/services/Cryptography"
import { primitives } from "../domain/crypto/primitives.ts"
import * as Random from "../fuzz/random.ts"

/** The real primitives with bytes that repeat. */
export const cryptography = (seed: number): Layer.Layer<Cryptography> =>
  Layer.sync(Cryptography, () => {
    const random = Random.make(seed)
    return Cryptography.of({
      primitives,
      randomBytes: (length) => {
        const bytes = new Uint8Array(length)
        for (let i = 0; i < length; i++) bytes[i] = random.below(256)
        return bytes
      },
    })
  })
