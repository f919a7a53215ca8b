/**
 * REFLEX, asked once for all who want to know: where a UDP port can be looked up at the server (PROTOCOL.md, section 14.4).
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { isUnicast } from "../../domain/Endpoint.ts"
import type * as ServerLink from "../../domain/nomitm1/ServerLink.ts"
import { type LinkLost, Refused } from "./RendezvousClient.ts"
import type { Reflex } from "./SealedLink.ts"

export interface ReflexQuestion {
  /** The last answer; asked for if there is none, or none came. */
  readonly known: Effect.Effect<Reflex, LinkLost | Refused>
  /** A new answer. */
  readonly fresh: Effect.Effect<Reflex, LinkLost | Refused>
  readonly answered: (action: Extract<ServerLink.Action, { readonly _tag: "Reflexed" | "NotReflexed" }>) => void
  readonly lost: (error: LinkLost) => void
}

/**
 * @param server the address at which it was reached
 * @param ask sends REFLEX; does nothing while an answer is awaited
 */
export const make = (server: string, ask: Effect.Effect<void, LinkLost>): ReflexQuestion => {
  let last: Deferred.Deferred<Reflex, LinkLost | Refused> | undefined
  /** Whether the last question was answered by nothing but time: that says nothing about the server. */
  let isUnanswered = false
  const answer = (result: Effect.Effect<Reflex, LinkLost | Refused>): void => {
    if (last !== undefined) Deferred.doneUnsafe(last, result)
  }

  const question = (isGood: (asked: Deferred.Deferred<Reflex, LinkLost | Refused>) => boolean) =>
    Effect.suspend(() => {
      if (last !== undefined && isGood(last)) return Deferred.await(last)
      const mine = Deferred.makeUnsafe<Reflex, LinkLost | Refused>()
      last = mine
      return Effect.andThen(ask, Deferred.await(mine))
    }).pipe(Effect.withSpan("SealedRendezvous.reflex"))

  return {
    known: question((asked) => !isUnanswered || !Deferred.isDoneUnsafe(asked)),
    fresh: question((asked) => !Deferred.isDoneUnsafe(asked)),
    answered: (action) => {
      isUnanswered = action._tag === "NotReflexed" && action.code === "No_answer"
      answer(
        action._tag === "Reflexed"
          ? Effect.succeed(reflexAt(server, action.reflex))
          : Effect.fail(new Refused({ code: action.code })),
      )
    },
    lost: (error) => answer(Effect.fail(error)),
  }
}

/** Where to ask, at the address that the server was reached at and at its other one. */
export const reflexAt = (server: string, { token, key, address, ports, alternate }: ServerLink.Reflex): Reflex => {
  const addresses = [server, ...Option.toArray(Option.filter(alternate, isUnicast))]
  const targets = addresses.flatMap((address) => ports.map((port) => ({ address, port })))
  return { token, key, seen: address, targets }
}
