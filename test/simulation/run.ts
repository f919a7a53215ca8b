/**
 * Runs one simulation under `TestClock` as fast as it goes, with all chance out of its seed.
 */
import { Effect, Fiber, Random, type Scope } from "effect"
import { TestClock } from "effect/testing"

/** Virtual time passes in such steps, in milliseconds: within one, everything happens at its own time. */
const step = 250

/** @param limitMillis of virtual time: what is not over then hangs */
export const run = <A, E>(
  seed: number,
  program: Effect.Effect<A, E, Scope.Scope>,
  limitMillis: number,
): Promise<A | "hangs"> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(Effect.scoped(program), { startImmediately: true })
    for (let passed = 0; fiber.pollUnsafe() === undefined; passed += step) {
      if (passed > limitMillis) {
        // Not interrupted: what hangs might hang then, too.
        return "hangs" as const
      }
      yield* TestClock.adjust(step)
    }
    return yield* Fiber.join(fiber)
  }).pipe(Random.withSeed(seed), Effect.provide(TestClock.layer({ warningDelay: "1 minute" })), Effect.runPromise)
