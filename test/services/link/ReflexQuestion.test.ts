import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option } from "effect"
import type * as ServerLink from "nomitm/domain/nomitm1/ServerLink"
import * as ReflexQuestion from "nomitm/services/link/ReflexQuestion"
import { bytesOf } from "../../domain/crypto/primitives.ts"

const reflex: ServerLink.Reflex = {
  _tag: "Reflex",
  token: bytesOf("token", 16),
  key: bytesOf("key", 32),
  address: "192.0.2.7",
  ports: [6969, 6970],
  alternate: Option.none(),
}

/** A question, and how often the server was asked. */
const make = () => {
  const count = { asked: 0 }
  const ask = Effect.sync(() => void count.asked++)
  return { count, question: ReflexQuestion.make("192.0.2.1", ask) }
}

describe("where lookups are answered", () => {
  it.effect("is asked once for all who want to know, also after a refusal", () =>
    Effect.gen(function* () {
      const { count, question } = make()
      const waiting = [
        yield* Effect.forkChild(Effect.flip(question.known), { startImmediately: true }),
        yield* Effect.forkChild(Effect.flip(question.known), { startImmediately: true }),
      ]
      question.answered({ _tag: "NotReflexed", code: "Unavailable" })
      for (const each of waiting) assert.deepInclude(yield* Fiber.join(each), { code: "Unavailable" })
      assert.deepInclude(yield* Effect.flip(question.known), { code: "Unavailable" })
      assert.strictEqual(count.asked, 1)
    }),
  )

  it.effect("is asked again by the next who wants to know, if the server did not say", () =>
    Effect.gen(function* () {
      const { count, question } = make()
      const first = yield* Effect.forkChild(Effect.flip(question.known), { startImmediately: true })
      question.answered({ _tag: "NotReflexed", code: "No_answer" })
      assert.deepInclude(yield* Fiber.join(first), { code: "No_answer" })

      const next = [
        yield* Effect.forkChild(question.known, { startImmediately: true }),
        yield* Effect.forkChild(question.known, { startImmediately: true }),
      ]
      assert.strictEqual(count.asked, 2)
      question.answered({ _tag: "Reflexed", reflex })
      for (const each of next) assert.strictEqual((yield* Fiber.join(each)).seen, "192.0.2.7")
      assert.strictEqual((yield* question.known).seen, "192.0.2.7")
      assert.strictEqual(count.asked, 2)
    }),
  )
})
