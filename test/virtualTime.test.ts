/** A simulation that hangs is over all the same, soon, and whatever it holds is released. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import { run } from "./simulation/run.ts"
import { inVirtualTime } from "./virtualTime.ts"

/** Why it failed, in words. */
const why = <A, E>(exit: Exit.Exit<A, E>): string => (Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "it did not")

describe("a simulation", () => {
  it.effect("gives what the program gives, as soon as it is over", () =>
    Effect.gen(function* () {
      const program = Effect.as(Effect.sleep("59 seconds"), "over")
      assert.strictEqual(yield* inVirtualTime(program, "1 minute"), "over")
    }),
  )

  it.effect("that hangs fails, and is ended, its finalizers in virtual time included", () =>
    Effect.gen(function* () {
      let released = false
      const release = Effect.andThen(
        Effect.sleep("5 seconds"),
        Effect.sync(() => {
          released = true
        }),
      )
      const hangs = Effect.andThen(
        Effect.acquireRelease(Effect.void, () => release),
        Effect.never,
      )
      const exit = yield* Effect.exit(inVirtualTime(hangs, "1 minute"))
      assert.include(why(exit), "not over after 1 minute of virtual time")
      assert.isTrue(released)
    }),
  )

  it.effect("that hangs at its end, too, is left alone", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(inVirtualTime(Effect.uninterruptible(Effect.never), "1 minute"))
      assert.include(why(exit), "nor a minute after it was interrupted")
    }),
  )

  it("of a seed that hangs says so", async () => {
    assert.strictEqual(await run(1, Effect.uninterruptible(Effect.never), 60_000), "hangs")
    assert.strictEqual(await run(1, Effect.never, 60_000), "hangs")
    assert.strictEqual(await run(1, Effect.as(Effect.sleep(1000), 7), 60_000), 7)
  })
})
