/**
 * Runs a program under `TestClock` as fast as it goes: virtual time passes whenever everybody waits for it.
 */
import { Duration, Effect, Fiber, type Scope } from "effect"
import { TestClock } from "effect/testing"

const stepMillis = 50

/** So much virtual time a program has to end once it is told to, in milliseconds. */
const farewellMillis = 60_000

/** Lets virtual time pass until the fiber has ended: whether it has, within the limit. */
export const passes = Effect.fnUntraced(function* (
  fiber: Fiber.Fiber<unknown, unknown>,
  limitMillis: number,
  step = stepMillis,
) {
  for (let passed = 0; fiber.pollUnsafe() === undefined; passed += step) {
    if (passed > limitMillis) return false
    yield* TestClock.adjust(step)
  }
  return true
})

/**
 * Ends a fiber that has hung. No child of the test: a test waits for its children, and one that hangs at its end too
 * would be waited for with the time standing still.
 */
export const end = (fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<boolean> =>
  Effect.suspend(() => {
    fiber.interruptUnsafe()
    return passes(fiber, farewellMillis)
  })

/** Fails the test when the program has not ended within so much virtual time. */
export const inVirtualTime = <A, E, R>(
  program: Effect.Effect<A, E, R | Scope.Scope>,
  limit: Duration.Input = "10 minutes",
) =>
  Effect.gen(function* () {
    // What ends with the program may take its time too.
    const fiber = yield* Effect.forkDetach(Effect.scoped(program), { startImmediately: true })
    if (!(yield* passes(fiber, Duration.toMillis(Duration.fromInputUnsafe(limit))))) {
      const ended = yield* end(fiber)
      const how = ended ? "" : ", nor a minute after it was interrupted"
      return yield* Effect.die(new Error(`not over after ${String(limit)} of virtual time${how}`))
    }
    return yield* Fiber.join(fiber)
  })
