import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Random, Result } from "effect"
import * as Epoch from "../../../src/domain/record/Epoch.ts"
import * as Frame from "../../../src/domain/record/Frame.ts"
import * as RecordLayer from "../../../src/domain/record/RecordLayer.ts"
import { primitives } from "../../domain/crypto/primitives.ts"
import { TooMuchWaiting } from "../../../src/services/chat/ChatSession.ts"
import { inVirtualTime } from "../../virtualTime.ts"
import { bad, bothOpen, make, newsOf, numbered, sayAll, take } from "./SealedChatStage.ts"

/** What of both directions' streams the other side may not have taken yet, and what of it may wait here, in bytes. */
const window = 262_144
const mostWaiting = 1_048_576

describe("what is said in a sealed chat", () => {
  it.effect("arrives once and in order over a network that loses 30 %, repeats and reorders, both ways at once", () =>
    Effect.forEach([1, 2, 3], (seed) =>
      inVirtualTime(
        Effect.gen(function* () {
          const world = yield* make(bad)
          const [alice, bob] = [yield* world.alice(), yield* world.bob()]
          yield* bothOpen(alice, bob)
          for (let round = 0; round < 10; round++) {
            yield* sayAll(alice, numbered(`to bob, ${round}`, 20))
            yield* sayAll(bob, numbered(`to alice, ${round}`, 20))
            yield* Effect.sleep(200)
          }
          const rounds = (label: string) => Array.from({ length: 10 }, (_, i) => numbered(`${label}, ${i}`, 20)).flat()
          assert.deepStrictEqual(yield* take(bob, 200), rounds("to bob"))
          assert.deepStrictEqual(yield* take(alice, 200), rounds("to alice"))
          yield* Effect.all([alice.tracking.delivered, bob.tracking.delivered])
        }).pipe(Effect.scoped, Random.withSeed(`delivery ${seed}`)),
      ),
    ),
  )

  it.effect("and comes in `onText` arrives in the same way", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const heard: Array<string> = []
        const world = yield* make(bad)
        const [alice, bob] = [yield* world.alice(), yield* world.bob({ onText: (text) => void heard.push(text) })]
        yield* bothOpen(alice, bob)
        yield* sayAll(alice, numbered("text", 300))
        yield* alice.tracking.delivered
        assert.deepStrictEqual(heard, numbered("text", 300))
      }).pipe(Random.withSeed("onText")),
    ),
  )

  it.effect("before a blackout of 100 seconds and during it, waits, and is there soon after it", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* make()
        const { alice, bob } = yield* world.meet({ relay: "never" })
        yield* world.network.setLink({ connected: false })
        yield* sayAll(alice, numbered("text", 5))
        yield* Effect.sleep("100 seconds")
        yield* alice.say("text 5")
        yield* world.network.setLink({ connected: true })
        const start = yield* Clock.currentTimeMillis
        assert.deepStrictEqual(yield* take(bob, 6), numbered("text", 6))
        assert.isBelow((yield* Clock.currentTimeMillis) - start, 16_000)
      }),
    ),
  )

  it.effect("is no more than a reader who does not read can have: the rest waits here, and then no more is taken", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* make()
        const [alice, bob] = [yield* world.alice(), yield* world.bob()]
        yield* bothOpen(alice, bob)
        const text = "x".repeat(10_000)
        let said = 0
        while (Result.isSuccess(alice.sayUnsafe(`${said}${text}`))) said++
        assert.deepInclude(alice.sayUnsafe(`${said}${text}`), Result.fail(new TooMuchWaiting()))
        assert.isAtMost(said * 10_010, mostWaiting + 10_010)
        assert.isAtLeast(said * 10_000, mostWaiting - 20_020)
        yield* Effect.sleep("1 minute")
        const bytes = world.sent.reduce((sum, { from, datagram }) => sum + (from === "alice" ? datagram.length : 0), 0)
        assert.isAtLeast(bytes, window)
        assert.isAtMost(bytes, 1.2 * window)
        // What waits at the other side waits here no more.
        while (Result.isSuccess(alice.sayUnsafe(`${said}${text}`))) said++
        assert.isAtMost(said * 10_010, mostWaiting + window + 20_020)
        assert.deepStrictEqual(
          (yield* take(bob, said)).map((text) => Number.parseInt(text, 10)),
          Array.from({ length: said }, (_, i) => i),
        )
        yield* alice.tracking.delivered
        yield* alice.say("there is room again")
        assert.strictEqual(yield* bob.receive, "there is room again")
      }),
    ),
  )

  it.effect("is told as sent and as delivered, counted, with nothing skipped and each once", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* make({ loss: 0.2 })
        const [alice, bob] = [yield* world.alice(), yield* world.bob()]
        yield* bothOpen(alice, bob)
        const seen: Array<readonly ["Sent" | "Delivered", number]> = []
        yield* Effect.forkScoped(
          Effect.forever(
            Effect.tap(alice.tracking.news, (news) =>
              Effect.sync(() => {
                if (news._tag === "Sent" || news._tag === "Delivered") seen.push([news._tag, news.upTo])
              }),
            ),
          ),
        )
        for (let i = 0; i < 30; i++) {
          yield* alice.say(`text ${i}`)
          yield* Effect.sleep(20)
        }
        yield* alice.tracking.delivered
        yield* Effect.sleep(1)
        for (const tag of ["Sent", "Delivered"] as const) {
          const numbers = seen.flatMap(([its, upTo]) => (its === tag ? [upTo] : []))
          assert.isTrue(numbers.every((upTo, i) => upTo > (numbers[i - 1] ?? 0)))
          assert.strictEqual(numbers.at(-1), 30)
        }
        // What is delivered was sent.
        let sent = 0
        for (const [tag, upTo] of seen) {
          if (tag === "Sent") sent = upTo
          else assert.isAtMost(upTo, sent)
        }
        yield* take(bob, 30)
      }).pipe(Random.withSeed("news")),
    ),
  )

  it.effect("counts as delivered when it has come to the other side, not when it has left", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* make({ jitterMillis: 0 })
        const [alice, bob] = [yield* world.alice(), yield* world.bob()]
        yield* bothOpen(alice, bob)
        yield* Effect.sleep("1 second")
        const start = yield* Clock.currentTimeMillis
        yield* alice.say("hello")
        assert.strictEqual((yield* newsOf(alice, "Sent")).upTo, 1)
        assert.strictEqual(yield* Clock.currentTimeMillis, start)
        yield* alice.tracking.delivered
        // There and back, and what an acknowledgement may wait.
        const took = (yield* Clock.currentTimeMillis) - start
        assert.isAtLeast(took, 40)
        assert.isAtMost(took, 40 + 25)
        assert.strictEqual((yield* newsOf(alice, "Delivered")).upTo, 1)
        // Nothing waits: at once.
        yield* alice.tracking.delivered
      }),
    ),
  )

  it.effect("just before the end arrives before it; what can't be delivered in two seconds is not waited for", () =>
    Effect.forEach([true, false], (connected) =>
      inVirtualTime(
        Effect.gen(function* () {
          const world = yield* make({ loss: 0.3 })
          const [alice, bob] = [yield* world.alice(), yield* world.bob()]
          yield* bothOpen(alice, bob)
          yield* Effect.sleep("1 second")
          if (!connected) yield* world.network.setLink({ connected })
          const start = yield* Clock.currentTimeMillis
          yield* sayAll(alice, numbered("text", 50))
          yield* alice.close
          assert.isAtMost((yield* Clock.currentTimeMillis) - start, 2150)
          assert.strictEqual(yield* alice.ended, "closed")
          if (!connected) assert.strictEqual((yield* Effect.flip(alice.tracking.delivered)).ending, "closed")
          else assert.deepStrictEqual(yield* take(bob, 50), numbered("text", 50))
        }).pipe(Effect.scoped, Random.withSeed("last words")),
      ),
    ),
  )

  it.effect("is not waited for any more when the chat is over, and neither are news", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* make()
        const [alice, bob] = [yield* world.alice(), yield* world.bob()]
        yield* bothOpen(alice, bob)
        yield* world.setUdp(false)
        yield* alice.say("never read")
        yield* Effect.forkScoped(Effect.delay(alice.close, "1 second"))
        assert.strictEqual((yield* Effect.flip(alice.tracking.delivered)).ending, "closed")
        const news = Effect.forever(alice.tracking.news)
        assert.strictEqual((yield* Effect.flip(news)).ending, "closed")
      }),
    ),
  )
})

/** alice's chat, and what bob says in bytes of the test's own. */
const saidByHand = Effect.fnUntraced(function* () {
  const world = yield* make()
  const alice = yield* world.alice()
  const bob = RecordLayer.make(primitives, Epoch.first(world.keys.bob))
  let offset = 0
  const say = (bytes: Uint8Array): void => {
    RecordLayer.sealAll(bob, [Frame.keepAlive, { _tag: "Data", offset, bytes }], (datagram) =>
      world.sockets.bob.send(datagram, world.publicly.alice),
    )
    offset += bytes.length
  }
  return { alice, say }
})

it.effect("a chat whose other side says what is no stream of messages is over, with nothing of it shown", () =>
  inVirtualTime(
    Effect.gen(function* () {
      const { alice, say } = yield* saidByHand()
      // A text of 65,537 bytes.
      say(Uint8Array.of(1, 1, 0, 1, 7, 7))
      assert.strictEqual(yield* alice.ended, "protocol")
      assert.strictEqual((yield* Effect.flip(alice.receive)).ending, "protocol")
    }),
  ),
)

it.effect("a text that is no UTF-8 is shown with U+FFFD where it is none, and the chat goes on", () =>
  inVirtualTime(
    Effect.gen(function* () {
      const { alice, say } = yield* saidByHand()
      const bodies = [
        // A byte that begins nothing; the first two bytes of three; a surrogate; more than there are characters.
        [0x61, 0xff, 0x62],
        [0xe2, 0x82],
        [0xed, 0xa0, 0x80],
        [0xf4, 0x90, 0x80, 0x80],
        [0x6f, 0x6b],
      ]
      for (const body of bodies) say(Uint8Array.of(1, 0, 0, body.length, ...body))
      const texts = yield* take(alice, bodies.length)
      assert.deepStrictEqual(texts, ["a\ufffdb", "\ufffd", "\ufffd".repeat(3), "\ufffd".repeat(4), "ok"])
      assert.strictEqual((yield* Effect.exit(Effect.timeout(alice.ended, "1 second")))._tag, "Failure")
    }),
  ),
)
