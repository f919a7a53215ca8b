/**
 * A chat that was agreed on, with its bound port, on its way to whoever takes it up: nobody on the way may lose the port,
 * whoever is interrupted, and when.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"

export interface HeldAgreement<A> {
  readonly agreement: A
  /** Gives the port back. */
  readonly release: Effect.Effect<void>
}

/** Of `Effect.uninterruptibleMask`: what is given to it may be interrupted. */
type Restore = <B, F>(effect: Effect.Effect<B, F>) => Effect.Effect<B, F>

/** From now on the port goes with the scope. */
const handOver = <A>({ agreement, release }: HeldAgreement<A>): Effect.Effect<A, never, Scope.Scope> =>
  Effect.as(
    Effect.addFinalizer(() => release),
    agreement,
  )

/**
 * Waits for what comes of a call. If nobody waits for it any more, what may have come of it in this moment is given back.
 *
 * @param abandoned what to do when it was given up before anything came of it
 */
export const answerTo = <A, E>(
  restore: Restore,
  answer: Deferred.Deferred<HeldAgreement<A>, E>,
  abandoned: Effect.Effect<void>,
): Effect.Effect<A, E, Scope.Scope> => {
  const abandon = Effect.suspend(() =>
    Deferred.doneUnsafe(answer, Effect.interrupt)
      ? abandoned
      : Effect.ignore(Effect.flatMap(Deferred.await(answer), ({ release }) => release)),
  )
  return Effect.flatMap(
    Effect.onInterrupt(restore(Deferred.await(answer)), () => abandon),
    handOver,
  )
}

type Waiting<A, E> = Queue.Queue<HeldAgreement<A>, E>

/** Looked at before it is taken: who is interrupted while waiting has taken nothing. */
const poll = <A, E>(queue: Waiting<A, E>, restore: Restore): Effect.Effect<HeldAgreement<A>, E> =>
  Effect.flatMap(Effect.andThen(restore(Queue.peek(queue)), Queue.poll(queue)), (next) =>
    Option.isSome(next) ? Effect.succeed(next.value) : poll(queue, restore),
  )

/** Takes the next of those that wait. */
export const next = <A, E>(queue: Waiting<A, E>): Effect.Effect<A, E, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) => Effect.flatMap(poll(queue, restore), handOver))

/** Gives back what nobody took up. */
export const giveBack = <A, E>(queue: Waiting<A, E>): Effect.Effect<void> =>
  Effect.flatMap(
    Effect.orElseSucceed(Queue.clear(queue), () => []),
    (chats) => Effect.forEach(chats, ({ release }) => release, { discard: true }),
  )
