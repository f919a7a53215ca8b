/**
 * Runs a program under `TestClock` as fast as it goes: virtual time passes whenever everybody waits for it.
 */
import { Duration, Effect, Fiber, type Scope } from "effect"
import { TestClock } from "effect/testing"

/** Fails the test when the program has not ended within so much virtual time. */
export const simulate = <A, E, R>(
  program: Effect.Effect<A, E, R | Scope.Scope>,
  limit: Duration.Input = "10 minutes",
) =>
  Effect.gen(function* () {
    // What ends with the program may take its time too.
    const fiber = yield* Effect.forkChild(Effect.scoped(program), { startImmediately: true })
    const step = Duration.millis(50)
    for (let passed = 0; fiber.pollUnsafe() === undefined; passed += 50) {
      if (passed > Duration.toMillis(Duration.fromInputUnsafe(limit))) {
        return yield* Effect.die(new Error(`not over after ${String(limit)} of virtual time`))
      }
      yield* TestClock.adjust(step)
    }
    return yield* Fiber.join(fiber)
  })
