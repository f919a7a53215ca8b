/**
 * Time that only goes forward, in whole milliseconds since some moment: for what lasts and what is late. Setting the
 * clock of the machine must not end a chat, or a call.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/** How plain code reads it. */
export const monotonicReader: Effect.Effect<() => number> = Effect.map(
  Clock.Clock,
  (clock) => () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n),
)
