/**
 * The next of a queue, for who must not be interrupted once it is taken: it is looked at before that, so whoever is
 * interrupted while waiting has taken nothing.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"

/** @param restore of `Effect.uninterruptibleMask`: the waiting may be interrupted */
export const nextOf = <A, E>(
  queue: Queue.Queue<A, E>,
  restore: <B, F>(effect: Effect.Effect<B, F>) => Effect.Effect<B, F>,
): Effect.Effect<A, E> =>
  Effect.flatMap(Effect.andThen(restore(Queue.peek(queue)), Queue.poll(queue)), (next) =>
    Option.isSome(next) ? Effect.succeed(next.value) : nextOf(queue, restore),
  )
