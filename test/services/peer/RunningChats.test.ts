import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import type { PersonId } from "../../../src/domain/identity/PersonId.ts"
import * as RunningChats from "../../../src/services/peer/RunningChats.ts"
import type { Chat } from "../../../src/services/chat/SealedChat.ts"
import { CallFailed, type SealedLink } from "../../../src/services/link/SealedLink.ts"

const chatId = new Uint8Array(16).fill(1)
const bob = "bob's id" as PersonId

/** A chat that has lost its way, and a link, as soon as there is one, that comes to nothing with each call. */
const adrift = Effect.gen(function* () {
  let isThere = false
  let calls = 0
  let held = 0
  const call = Effect.gen(function* () {
    calls++
    yield* Effect.acquireRelease(
      Effect.sync(() => held++),
      () => Effect.sync(() => held--),
    )
    return yield* new CallFailed({ code: "User_not_online" })
  })
  const link = { call: () => call } as unknown as SealedLink
  const chat = { adrift: Effect.void, isAdrift: () => true } as unknown as Chat
  const running = RunningChats.make(
    () => (isThere ? link : undefined),
    () => assert.fail("no call came about"),
  )
  yield* running.keep(chatId, bob, chat)
  return {
    calls: () => calls,
    held: () => held,
    beThere: () => {
      isThere = true
    },
  }
})

describe("a chat that has lost its way", () => {
  it.effect("is called for within a second of the link, however long there was none", () =>
    Effect.gen(function* () {
      const { calls, beThere } = yield* adrift
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(calls(), 0)
      beThere()
      yield* TestClock.adjust("1 second")
      assert.oneOf(calls(), [1, 2])
    }).pipe(Effect.scoped),
  )

  it.effect("calls less and less often while the other side is away, and keeps nothing of what failed", () =>
    Effect.gen(function* () {
      const { calls, held, beThere } = yield* adrift
      beThere()
      yield* TestClock.adjust("1 minute")
      assert.isAtLeast(calls(), 4)
      assert.isAtMost(calls(), 8)
      yield* TestClock.adjust("1 minute")
      assert.isAtMost(calls(), 12)
      assert.strictEqual(held(), 0)
    }).pipe(Effect.scoped),
  )
})
