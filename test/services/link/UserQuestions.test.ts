/**
 * What a link asks about people: every question has one answer, whatever the server says, and when it is lost.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import type { User } from "nomitm/domain/nomitm1/ServerLine"
import type * as ServerLink from "nomitm/domain/nomitm1/ServerLink"
import * as Who from "nomitm/domain/nomitm1/Who"
import type { PersonName } from "nomitm/domain/PersonName"
import { LinkLost } from "nomitm/services/link/RendezvousClient"
import * as UserQuestions from "nomitm/services/link/UserQuestions"
import * as SecureStage from "../server/SecureStage.ts"

const [alice, bob] = ["alice", "bob"] as [PersonName, PersonName]

/** Questions, with all that was asked. */
const stage = () => {
  const asked: Array<ServerLink.Event> = []
  const questions = UserQuestions.make(
    (event) => Effect.sync(() => void asked.push(event)),
    () => 7,
  )
  return { asked, questions }
}
const closed = new LinkLost({ reason: "Closed" })

describe("what is asked about people", () => {
  it.effect("is the list once for all who want it meanwhile, and again after that", () =>
    Effect.gen(function* () {
      const { asked, questions } = stage()
      const users: ReadonlyArray<User> = []
      const waiting = [
        yield* Effect.forkChild(questions.users, { startImmediately: true }),
        yield* Effect.forkChild(questions.users, { startImmediately: true }),
      ]
      yield* questions.answered({ _tag: "Listed", users }) ?? Effect.void
      for (const fiber of waiting) assert.strictEqual(yield* Fiber.join(fiber), users)
      // The machine asks but once while one is under way.
      assert.deepStrictEqual(
        asked,
        [1, 2].map(() => ({ _tag: "List", now: 7 })),
      )
      const later = yield* Effect.forkChild(questions.users, { startImmediately: true })
      assert.isUndefined(later.pollUnsafe())
      yield* questions.lost(closed)
      assert.strictEqual(yield* Effect.flip(Fiber.join(later)), closed)
    }),
  )

  it.effect("goes to who asked, once, in whatever order it is answered", () =>
    Effect.gen(function* () {
      const { asked, questions } = stage()
      const heard: Array<unknown> = []
      const identity = yield* SecureStage.person("bob")
      const certificate = identity.certificate.encoded
      yield* questions.whoIs(bob, (id) => void heard.push(id))
      yield* questions.ask(Who.byName(alice), (found) => Effect.sync(() => void heard.push(found)))
      const [first, second] = asked.flatMap((event) => (event._tag === "LookUp" ? [event] : []))
      const answer = { _tag: "Found", who: first!.who, asker: first!.asker, name: bob, certificate } as const
      for (let n = 0; n < 2; n++) {
        yield* questions.answered({ _tag: "NotFound", who: second!.who, asker: second!.asker }) ?? Effect.void
        yield* questions.answered(answer) ?? Effect.void
      }
      assert.deepStrictEqual(heard, [undefined, identity.id])
    }),
  )

  it.effect("and has no answer yet has one when the link is lost: nobody", () =>
    Effect.gen(function* () {
      const { questions } = stage()
      const heard: Array<unknown> = []
      for (let n = 0; n < 3; n++) yield* questions.whoIs(bob, (id) => void heard.push([n, id]))
      yield* questions.lost(closed)
      yield* questions.lost(closed)
      assert.deepStrictEqual(
        heard,
        [0, 1, 2].map((n) => [n, undefined]),
      )
    }),
  )
})
