import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Option, Random, Result } from "effect"
import * as RecordHeader from "../../../src/domain/record/RecordHeader.ts"
import { chatKeys } from "../../domain/record/keys.ts"
import { inVirtualTime } from "../../virtualTime.ts"
import * as Stage from "./SealedChatStage.ts"
import { aliceAt, bad, bothOpen, epochsOf, make as setting } from "./SealedChatStage.ts"

describe("a sealed chat", () => {
  it.effect("opens and carries texts both ways, and nothing on the wire is anything but a record", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* setting()
        const [alice, bob] = [yield* world.alice(), yield* world.bob()]
        assert.deepEqual(yield* bothOpen(alice, bob), ["bob", "alice"])
        yield* alice.say("hello")
        assert.strictEqual(yield* bob.receive, "hello")
        yield* bob.say("zoë \u{1f600}\0\n")
        assert.strictEqual(yield* alice.receive, "zoë \u{1f600}\0\n")
        assert.isTrue(world.sent.every(({ datagram }) => RecordHeader.isRecord(datagram)))
        assert.isFalse(world.sent.some(({ datagram }) => new TextDecoder("latin1").decode(datagram).includes("hello")))
      }),
    ),
  )

  for (const late of [0, 130, 5000]) {
    for (const first of ["alice", "bob"] as const) {
      it.effect(`opens over a bad network when ${first} is ${late} ms early`, () =>
        Effect.forEach(Array.from({ length: 15 }), (_, seed) =>
          inVirtualTime(
            Effect.gen(function* () {
              const world = yield* setting(bad)
              const early = yield* first === "alice" ? world.alice() : world.bob()
              yield* Effect.sleep(late)
              const other = yield* first === "alice" ? world.bob() : world.alice()
              const start = yield* Clock.currentTimeMillis
              yield* bothOpen(early, other)
              assert.isBelow((yield* Clock.currentTimeMillis) - start, 8000, `seed ${seed}`)
            }).pipe(Effect.scoped, Random.withSeed(`seed ${seed}`)),
          ),
        ),
      )
    }
  }

  it.effect("ends as unreachable when the other side is never there, after a search that was no flood", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* setting()
        const alice = yield* world.alice()
        assert.strictEqual((yield* Effect.flip(alice.opened)).ending, "unreachable")
        assert.strictEqual(yield* Clock.currentTimeMillis, 30_000)
        assert.isAtLeast(world.sent.length, 20)
        assert.isAtMost(world.sent.length, 200)
        assert.isTrue(world.sent.every(({ to }) => to.address === Stage.bobAt.address))
        assert.strictEqual((yield* Effect.flip(alice.receive)).ending, "unreachable")
        assert.strictEqual((yield* Effect.flip(alice.verification)).ending, "unreachable")
      }),
    ),
  )

  it.effect("carries a text of 65,536 bytes, and none of one more", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* setting({ loss: 0.1 })
        const [alice, bob] = [yield* world.alice(), yield* world.bob()]
        yield* bothOpen(alice, bob)
        const long = "é".repeat(32_768)
        yield* alice.say(long)
        assert.strictEqual(yield* bob.receive, long)
        assert.deepInclude(yield* Effect.flip(alice.say(`${long}x`)), { _tag: "TextTooLong", bytes: 65_537 })
        yield* alice.say("")
        assert.strictEqual(yield* bob.receive, "")
      }).pipe(Random.withSeed("long text")),
    ),
  )

  it.effect("has no words before it is open, and none after its end", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* setting()
        const alice = yield* world.alice()
        assert.strictEqual((yield* Effect.flip(alice.say("early")))._tag, "NotOpen")
        assert.strictEqual((yield* Effect.flip(alice.verify))._tag, "NotOpen")
        const bob = yield* world.bob()
        yield* bothOpen(alice, bob)
        yield* alice.close
        assert.strictEqual((yield* Effect.flip(alice.say("late")))._tag, "NotOpen")
        assert.strictEqual(yield* bob.ended, "closed_by_peer")
      }),
    ),
  )

  it.effect("tells the other side of its end in three records, 50 ms apart, all different", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* setting()
        const [alice, bob] = [yield* world.alice(), yield* world.bob()]
        yield* bothOpen(alice, bob)
        yield* Effect.sleep("1 second")
        const before = world.sent.length
        yield* alice.close
        const closes = world.sent.slice(before)
        assert.lengthOf(closes, 3)
        assert.strictEqual(new Set(closes.map(({ datagram }) => RecordHeader.counter(datagram))).size, 3)
        assert.deepStrictEqual(
          closes.map(({ at }) => at - closes[0]!.at),
          [0, 50, 100],
        )
        assert.strictEqual(yield* alice.ended, "closed")
        assert.strictEqual(yield* bob.ended, "closed_by_peer")
        yield* Effect.sleep("1 minute")
        assert.lengthOf(world.sent, before + 3)
      }),
    ),
  )

  it.effect(
    "does not end when the other side vanishes: what is said waits, also for other keys than those of now",
    () =>
      inVirtualTime(
        Effect.gen(function* () {
          const world = yield* setting()
          const alice = yield* world.alice()
          const start = yield* Effect.scoped(
            Effect.gen(function* () {
              const bob = yield* world.bob()
              yield* bothOpen(alice, bob)
              return yield* Clock.currentTimeMillis
            }),
          )
          yield* Stage.until(alice, "none")
          assert.isBelow((yield* Clock.currentTimeMillis) - start, 15_000)
          yield* alice.say("are you there?")
          yield* Effect.sleep("1 minute")
          assert.strictEqual((yield* Effect.exit(Effect.timeout(alice.tracking.delivered, 10)))._tag, "Failure")
          assert.isFalse(alice.isAdrift())
          yield* alice.adrift
          assert.isAtMost(Math.abs((yield* Clock.currentTimeMillis) - start - 180_000), 200)
          assert.strictEqual((yield* Effect.timeoutOption(alice.ended, "1 minute"))._tag, "None")
          yield* alice.say("still?")
        }),
      ),
  )

  it.effect("keeps the path open: each side asks every nine to eleven seconds, and is answered", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* setting()
        const [alice, bob] = [yield* world.alice(), yield* world.bob()]
        yield* bothOpen(alice, bob)
        yield* Effect.sleep("12 seconds")
        const before = world.sent.length
        yield* Effect.sleep("99 seconds")
        for (const side of ["alice", "bob"]) {
          const times = world.sent.slice(before).flatMap(({ from, at }) => (from === side ? [at] : []))
          // Own questions, and as many answers.
          assert.isAtLeast(times.length, 2 * 9 - 1)
          assert.isAtMost(times.length, 2 * 11 + 1)
          const pauses = times.slice(1).map((at, i) => at - times[i]!)
          assert.isTrue(pauses.every((pause) => pause <= 11_100))
        }
      }),
    ),
  )

  it.effect("puts what is said while a record is taken into one record", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* setting()
        const bob = yield* world.bob({
          onText: () => {
            for (let i = 0; i < 20; i++) assert.isTrue(Result.isSuccess(bob.sayUnsafe(`answer ${i}`)))
          },
        })
        const alice = yield* world.alice()
        yield* bothOpen(alice, bob)
        yield* Effect.sleep("1 second")
        const before = world.sent.length
        yield* alice.say("question")
        for (let i = 0; i < 20; i++) assert.strictEqual(yield* alice.receive, `answer ${i}`)
        yield* Effect.sleep("1 second")
        const carrying = world.sent.slice(before)
        // The question, the answers, and that they have come.
        assert.deepStrictEqual(
          carrying.map(({ from }) => from),
          ["alice", "bob", "alice"],
        )
      }),
    ),
  )
})

it.effect("whoever waits for the opening may say a lot at once: records leave when there are enough", () =>
  inVirtualTime(
    Effect.gen(function* () {
      const world = yield* setting()
      const [alice, bob] = [yield* world.alice(), yield* world.bob()]
      yield* Effect.forkChild(bob.opened)
      yield* alice.opened
      yield* Stage.sayAll(alice, Stage.numbered("text", 1000))
      assert.deepStrictEqual(yield* Stage.take(bob, 1000), Stage.numbered("text", 1000))
      const said = world.sent.filter(
        ({ from, datagram }) => from === "alice" && datagram.length > RecordHeader.minRecordBytes,
      )
      // 12,890 bytes of texts and their lengths.
      assert.isAtLeast(said.length, 10)
      assert.isAtMost(said.length, 60)
    }),
  ),
)

describe("new keys", () => {
  it.effect("come every two minutes, with nothing lost that is said meanwhile", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* setting(bad)
        const [alice, bob] = [yield* world.alice(), yield* world.bob()]
        yield* bothOpen(alice, bob)
        for (let i = 0; i < 300; i++) {
          yield* alice.say(`to bob ${i}`)
          yield* bob.say(`to alice ${i}`)
          yield* Effect.sleep("1 second")
        }
        assert.deepStrictEqual(yield* Stage.take(bob, 300), Stage.numbered("to bob", 300))
        assert.deepStrictEqual(yield* Stage.take(alice, 300), Stage.numbered("to alice", 300))
        assert.deepStrictEqual([...epochsOf(world.sent)].toSorted(), [0, 1, 2])
      }).pipe(Random.withSeed("rekey")),
    ),
  )

  it.effect("come over a bad network too, for as long as it lasts", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* setting(bad)
        const [alice, bob] = [yield* world.alice(), yield* world.bob()]
        yield* bothOpen(alice, bob)
        const end = yield* Effect.raceFirst(alice.ended, bob.ended).pipe(Effect.timeoutOption("13 minutes"))
        assert.isTrue(Option.isNone(end))
        for (const side of ["alice", "bob"]) {
          assert.strictEqual(epochsOf(world.sent.filter(({ from }) => from === side)).size, 7)
        }
      }).pipe(Random.withSeed("long")),
      "20 minutes",
    ),
  )

  it.effect("of a handshake serve one conversation: opened with them again, counters would begin anew", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* setting()
        const { alice } = chatKeys("another")
        yield* Effect.scoped(world.alice({ keys: alice }))
        const exit = yield* Effect.exit(world.alice({ keys: alice }))
        assert.isTrue(Exit.hasDies(exit))
      }),
    ),
  )
})

describe("another address", () => {
  it.effect("of one side, as when its NAT forgets it, is followed; the chat goes on", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* setting({ loss: 0.2 }, true)
        const [alice, bob] = [yield* world.alice(), yield* world.bob()]
        yield* bothOpen(alice, bob)
        yield* world.nat.restart("203.0.113.77")
        yield* bob.say("still there?")
        assert.strictEqual(yield* alice.receive, "still there?")
        assert.match(bob.tracking.path().address, /^203\.0\.113\.77:/)
        yield* Effect.sleep("5 minutes")
        yield* alice.say("yes")
        assert.strictEqual(yield* bob.receive, "yes")
      }).pipe(Random.withSeed("nat")),
    ),
  )

  it.effect("than the one that was told is found at the opening", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* setting({}, true)
        const bob = yield* world.bob({ remote: { address: aliceAt.address, port: 1 } })
        const alice = yield* world.alice()
        yield* bothOpen(alice, bob)
        yield* Effect.sleep("1 second")
        assert.match(bob.tracking.path().address, /^198\.51\.100\.2:/)
        yield* bob.say("found you")
        assert.strictEqual(yield* alice.receive, "found you")
      }),
    ),
  )
})

describe("verifying by voice", () => {
  for (const first of ["alice", "bob"] as const) {
    it.effect(`shows the same words and digits on both sides when ${first} starts it, over a bad network too`, () =>
      inVirtualTime(
        Effect.gen(function* () {
          const world = yield* setting(bad)
          const chats = { alice: yield* world.alice(), bob: yield* world.bob() }
          yield* bothOpen(chats.alice, chats.bob)
          const seen = new Set<string>()
          for (let i = 0; i < 4; i++) {
            yield* chats[first].verify
            const [a, b] = yield* Effect.all([chats.alice.verification, chats.bob.verification], { concurrency: 2 })
            assert.deepStrictEqual(a, b)
            assert.strictEqual(a._tag, "Compare")
            if (a._tag !== "Compare") continue
            assert.lengthOf(a.words, 3)
            assert.isTrue(a.words.every((word) => /^[a-z]{3,8}$/.test(word)))
            assert.match(a.digits, /^\d{10}$/)
            seen.add(a.digits)
            yield* Effect.sleep("5 seconds")
          }
          // Another time, another string.
          assert.strictEqual(seen.size, 4)
        }).pipe(Random.withSeed(`voice ${first}`)),
      ),
    )
  }

  it.effect("ends the chat when it came to nothing three times", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* setting()
        const [alice, bob] = [yield* world.alice(), yield* world.bob()]
        yield* bothOpen(alice, bob)
        yield* world.network.setLink({ connected: false })
        yield* alice.verify
        assert.deepStrictEqual(yield* alice.verification, { _tag: "Failed", why: "no_answer" })
        yield* alice.verify
        assert.deepStrictEqual(yield* alice.verification, { _tag: "Failed", why: "no_answer" })
        yield* world.network.setLink({ connected: true })
        yield* bob.say("I'm here")
        yield* alice.receive
        yield* world.network.setLink({ connected: false })
        yield* alice.verify
        yield* Effect.sleep("9.9 seconds")
        yield* world.network.setLink({ connected: true })
        yield* Effect.sleep("20 millis")
        yield* world.network.setLink({ connected: false })
        yield* Effect.sleep("1 second")
        yield* world.network.setLink({ connected: true })
        assert.strictEqual(yield* Effect.raceFirst(alice.ended, bob.ended), "unverified")
      }),
    ),
  )
})
