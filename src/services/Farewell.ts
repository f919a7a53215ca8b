/**
 * How a conversation on UDP is ended: CLOSE is said at once and then again, so that a lost one is not a peer that waits
 * for long.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"

/** How often CLOSE is sent. */
const copies = 3
/** The pause between two of them. */
const pause = "50 millis"

/** CLOSE was said once: now once more, and once more. */
export const again = (send: () => void): Effect.Effect<void> =>
  Effect.sync(send).pipe(Effect.delay(pause), Effect.repeat(Schedule.recurs(copies - 2)), Effect.asVoid)

/**
 * What says goodbye, once however often it is called, and waits until all is said. So does the end of the scope, if it
 * was begun: the socket must be there before the scope's conversation, and goes after the farewell.
 *
 * @param options.isOver whether there is nobody to say goodbye to
 * @param options.end ends the conversation on this side, with the first CLOSE
 * @param options.send sends another
 */
export const make = (options: {
  readonly isOver: () => boolean
  readonly end: () => void
  readonly send: () => void
}): Effect.Effect<Effect.Effect<void>, never, Scope.Scope> =>
  Effect.suspend(() => {
    const said = Deferred.makeUnsafe<void>()
    let begun = false
    /** In a fiber of its own, which no impatient caller interrupts. */
    const begin = Effect.suspend(() => {
      if (begun || options.isOver()) return Effect.void
      begun = true
      options.end()
      return again(options.send).pipe(Deferred.into(said), Effect.forkDetach({ startImmediately: true }))
    }).pipe(Effect.uninterruptible)
    const untilSaid = Effect.suspend(() => (begun ? Deferred.await(said) : Effect.void))
    return Effect.as(
      Effect.addFinalizer(() => untilSaid),
      Effect.andThen(begin, untilSaid),
    )
  })
