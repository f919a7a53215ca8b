/**
 * Wakes a state machine when something of it is due, and no sooner: it sleeps until then, or until something is due
 * earlier than it was.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

export interface DueTimer {
  /** To be called when the machine has moved on. */
  readonly moved: () => void
  /** Wakes it, again and again, until interrupted. */
  readonly run: (due: Effect.Effect<void>) => Effect.Effect<never>
}

/**
 * @param dueAt when the machine has something to do, in milliseconds; `Infinity` if never
 * @param now of the same clock
 */
export const make = (dueAt: () => number, now: () => number): DueTimer => {
  const sooner = Latch.makeUnsafe(false)
  let sleepsUntil = Infinity
  const sleep = Effect.suspend(() => {
    sooner.closeUnsafe()
    sleepsUntil = dueAt()
    const nap = Effect.timeoutOption(sooner.await, Math.max(0, sleepsUntil - now()))
    return sleepsUntil === Infinity ? sooner.await : nap
  })
  return {
    moved: () => {
      if (dueAt() < sleepsUntil) sooner.openUnsafe()
    },
    run: (due) =>
      Effect.forever(
        Effect.andThen(
          sleep,
          Effect.suspend(() => (dueAt() > now() ? Effect.void : due)),
        ),
      ),
  }
}
