/**
 * What a pure machine wants done, done in its order. Most of it is plain code, and only what is not takes an effect.
 */
import * as Effect from "effect/Effect"

/** @param one does an action; what is left of it to do, if anything, before the next */
export const perform = <A>(
  actions: ReadonlyArray<A>,
  one: (action: A) => Effect.Effect<void> | void,
): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (const action of actions) {
      const more = one(action)
      if (more !== undefined) yield* more
    }
  })
