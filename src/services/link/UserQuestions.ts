/**
 * What one link asks its server about people: who is online, and who has a name or an id (PROTOCOL.md, section 14). Each
 * question has its answer, at the latest when the link is lost.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as PersonId from "../../domain/identity/PersonId.ts"
import type { User } from "../../domain/nomitm1/ServerLine.ts"
import type * as ServerLink from "../../domain/nomitm1/ServerLink.ts"
import * as Who from "../../domain/nomitm1/Who.ts"
import type { PersonName } from "../../domain/PersonName.ts"
import * as Actions from "../Actions.ts"
import type { LinkLost } from "./RendezvousClient.ts"

/** What the server shows of somebody. */
export type Found = Pick<Extract<ServerLink.Action, { readonly _tag: "Found" }>, "name" | "certificate">

/** Who asks about somebody; told nothing if nobody of that name or id is online. */
type Asker = (answer: Found | undefined) => Effect.Effect<void> | void

export interface UserQuestions {
  /** Who is online, without oneself and those unlisted. One question serves all who ask meanwhile. */
  readonly users: Effect.Effect<ReadonlyArray<User>, LinkLost>
  /** Asks about somebody. Not when the link is lost: nobody answers. */
  readonly ask: (who: Who.Who, asker: Asker) => Effect.Effect<void>
  /** Asks whose a name is. Not when the link is lost. */
  readonly whoIs: (name: PersonName, asker: (id: PersonId.PersonId | undefined) => void) => Effect.Effect<void>
  /** What the server answers. */
  readonly answered: (
    action: Extract<ServerLink.Action, { readonly _tag: "Listed" | "Found" | "NotFound" }>,
  ) => Effect.Effect<void> | void
  /** Answers all that is still asked. */
  readonly lost: (error: LinkLost) => Effect.Effect<void>
}

/**
 * @param send tells the link's machine what is asked
 * @param now in milliseconds, of the machine's clock
 */
export const make = (
  send: (event: Extract<ServerLink.Event, { readonly _tag: "List" | "LookUp" }>) => Effect.Effect<void>,
  now: () => number,
): UserQuestions => {
  let listing: Deferred.Deferred<ReadonlyArray<User>, LinkLost> | undefined
  const askers = new Map<number, Asker>()
  let asked = 0

  const endList = (result: Effect.Effect<ReadonlyArray<User>, LinkLost>): void => {
    if (listing !== undefined) Deferred.doneUnsafe(listing, result)
    listing = undefined
  }

  const answer = (asker: number, found: Found | undefined): Effect.Effect<void> | void => {
    const waiting = askers.get(asker)
    askers.delete(asker)
    return waiting?.(found)
  }

  const ask = (who: Who.Who, asker: Asker): Effect.Effect<void> => {
    askers.set(++asked, asker)
    return send({ _tag: "LookUp", who, asker: asked, now: now() })
  }

  return {
    users: Effect.suspend(() => {
      listing ??= Deferred.makeUnsafe()
      return Effect.andThen(send({ _tag: "List", now: now() }), Deferred.await(listing))
    }).pipe(Effect.withSpan("SealedRendezvous.users")),
    ask,
    whoIs: (name, asker) =>
      ask(Who.byName(name), (found) => asker(found && PersonId.ofBytes(found.certificate.subarray(0, PersonId.bytes)))),
    answered: (action) => {
      switch (action._tag) {
        case "Listed":
          return endList(Effect.succeed(action.users))
        case "Found":
          return answer(action.asker, action)
        case "NotFound":
          return answer(action.asker, undefined)
      }
    },
    lost: (error) =>
      Effect.suspend(() => {
        endList(Effect.fail(error))
        return Actions.perform([...askers.keys()], (asker) => answer(asker, undefined))
      }),
  }
}
