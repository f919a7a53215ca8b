/** Any bytes of one length, for property tests. */
import * as Arbitrary from "effect/Arbitrary"
import * as arbitraries from "../arbitraries.ts"

export const exactly = (length: number): Arbitrary.Arbitrary<Uint8Array> =>
  Arbitrary.map(Arbitrary.array(arbitraries.integer(0, 255), { minLength: length, maxLength: length }), (numbers) =>
    Uint8Array.from(numbers),
  )
