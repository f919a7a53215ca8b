/** A machine that sleeps: its wall clock goes on meanwhile, its monotonic clock does not. */
import { Clock, Effect } from "effect"

export interface SleepingMachine {
  readonly clock: Clock.Clock
  /** So many milliseconds pass by the wall clock alone. */
  readonly sleep: (millis: number) => void
}

export const make: Effect.Effect<SleepingMachine> = Effect.map(Clock.Clock, (clock) => {
  let slept = 0
  const now = (): number => clock.currentTimeMillisUnsafe() + slept
  return {
    clock: { ...clock, currentTimeMillisUnsafe: now, currentTimeMillis: Effect.sync(now) },
    sleep: (millis) => void (slept += millis),
  }
})
