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

export interface Options {
  /** Whether there is nobody to say goodbye to. */
  readonly isOver: () => boolean
  /** Ends the conversation on this side, with the first CLOSE. */
  readonly end: () => void
  /** Sends another. */
  readonly send: () => void
}

export class Farewell {
  private readonly options: Options
  private readonly allSaid = Deferred.makeUnsafe<void>()
  private isBegun = false

  constructor(options: Options) {
    this.options = options
  }

  /** Says goodbye, once however often it is called, and waits until all is said. */
  get say(): Effect.Effect<void> {
    return Effect.andThen(this.begin, this.said)
  }

  /** Waits until all is said, if it was begun. */
  get said(): Effect.Effect<void> {
    return Effect.suspend(() => (this.isBegun ? Deferred.await(this.allSaid) : Effect.void))
  }

  /** In a fiber of its own, which no impatient caller interrupts. */
  private get begin(): Effect.Effect<unknown> {
    return Effect.suspend(() => {
      const { end, isOver, send } = this.options
      if (this.isBegun || isOver()) return Effect.void
      this.isBegun = true
      end()
      return again(send).pipe(Deferred.into(this.allSaid), Effect.forkDetach({ startImmediately: true }))
    }).pipe(Effect.uninterruptible)
  }
}

/**
 * What says goodbye. The end of the scope waits for it, too, if it was begun: the socket must be there before the scope's
 * conversation, and goes after the farewell.
 */
export const make = (options: Options): Effect.Effect<Effect.Effect<void>, never, Scope.Scope> =>
  Effect.suspend(() => {
    const farewell = new Farewell(options)
    return Effect.as(
      Effect.addFinalizer(() => farewell.said),
      farewell.say,
    )
  })
