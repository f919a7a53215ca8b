/**
 * Runs one simulation under `TestClock` as fast as it goes, with all chance out of its seed.
 */
import { Effect, Fiber, Random, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { end, passes } from "../virtualTime.ts"

/** Virtual time passes in such steps, in milliseconds: within one, everything happens at its own time. */
const step = 250

/** @param limitMillis of virtual time: what is not over then hangs */
export const run = <A, E>(
  seed: number,
  program: Effect.Effect<A, E, Scope.Scope>,
  limitMillis: number,
): Promise<A | "hangs"> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkDetach(Effect.scoped(program), { startImmediately: true })
    if (yield* passes(fiber, limitMillis, step)) return yield* Fiber.join(fiber)
    yield* end(fiber)
    return "hangs" as const
  }).pipe(Random.withSeed(seed), Effect.provide(TestClock.layer({ warningDelay: "1 minute" })), Effect.runPromise)
