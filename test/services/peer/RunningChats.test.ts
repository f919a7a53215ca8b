import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import type { PersonId } from "../../../src/domain/identity/PersonId.ts"
import * as RunningChats from "../../../src/services/peer/RunningChats.ts"
import type { Way } from "../../../src/services/chat/ChatWay.ts"
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

  it.effect("calls less and less often where a server takes each way away again at once, and soon after a while", () =>
    Effect.gen(function* () {
      let calls = 0
      let endsAt = 0
      let lasts = 1000
      const now = Clock.currentTimeMillis
      const call = Effect.sync(() => {
        calls++
        return { keys: { peer: { id: bob } }, resumes: chatId, wire: { end: Effect.void } }
      })
      const link = { call: () => call } as unknown as SealedLink
      const chat = {
        adrift: Effect.repeat(Effect.sleep(10), { until: () => Effect.map(now, (now) => now >= endsAt) }),
        resume: () => Effect.map(now, (now) => void (endsAt = now + lasts)),
      } as unknown as Chat
      const running = RunningChats.make(
        () => link,
        () => ({}) as Way,
      )
      yield* running.keep(chatId, bob, chat)
      yield* TestClock.adjust("10 minutes")
      assert.isAtMost(calls, 45)
      lasts = 120_000
      yield* TestClock.adjust("10 minutes")
      const before = calls
      lasts = 1000
      // A way that has held is followed by the next one at once, and that by another in half a second.
      yield* TestClock.adjust("2 minutes")
      assert.isAtLeast(calls - before, 5)
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
