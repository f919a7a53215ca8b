import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Random, Scope } from "effect"
import { TestClock } from "effect/testing"
import { chatKeys } from "../../domain/record/keys.ts"
import { inVirtualTime } from "../../virtualTime.ts"
import { bothOpen, epochsOf, make, type Name, newsOf, numbered, sayAll, take, until } from "./SealedChatStage.ts"

const isAdrift = (chat: { readonly isAdrift: () => boolean }) =>
  Effect.repeat(Effect.sleep(10), { until: () => chat.isAdrift() })

describe("a sealed chat that goes on with other keys", () => {
  it.effect("keeps what was said: nothing of it is lost, and nothing comes twice", () =>
    Effect.forEach([1, 2, 3], (seed) =>
      inVirtualTime(
        Effect.gen(function* () {
          const world = yield* make({ loss: 0.2 })
          const first = yield* world.meet()
          const { alice, bob } = first
          yield* sayAll(alice, numbered("text", 10))
          yield* sayAll(bob, numbered("answer", 10))
          yield* Effect.sleep(30 * seed)
          yield* world.setUdp(false)
          first.gone("Server_lost")
          yield* sayAll(alice, numbered("meanwhile", 10))
          yield* Effect.sleep("20 seconds")
          yield* world.resume({ alice, bob }, yield* world.agree({ keys: "other keys", hasPorts: false }))
          yield* sayAll(alice, numbered("later", 10))
          const all = ["text", "meanwhile", "later"].flatMap((label) => numbered(label, 10))
          assert.deepStrictEqual(yield* take(bob, 30), all)
          assert.deepStrictEqual(yield* take(alice, 10), numbered("answer", 10))
          yield* alice.tracking.delivered
          assert.strictEqual((yield* newsOf(alice, "Delivered")).upTo, 30)
        }).pipe(Effect.scoped, Random.withSeed(`resume ${seed}`)),
      ),
    ),
  )

  it.effect("also when one side has the new keys a while before the other, and still hears the former", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* make()
        const { alice, bob } = yield* world.meet()
        const next = yield* world.agree({ keys: "other keys" })
        yield* world.resume({ alice, bob }, next, "alice")
        yield* sayAll(alice, numbered("text", 10))
        yield* sayAll(bob, numbered("answer", 10))
        yield* Effect.sleep("3 seconds")
        yield* world.resume({ alice, bob }, next, "bob")
        assert.deepStrictEqual(yield* take(bob, 10), numbered("text", 10))
        assert.deepStrictEqual(yield* take(alice, 10), numbered("answer", 10))
        yield* Effect.all([until(alice, "direct"), until(bob, "direct")])
      }),
    ),
  )

  it.effect("on the direct path that it has, by the same sockets: nobody notices", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* make({}, true)
        const first = yield* world.meet()
        const { alice, bob } = first
        yield* Effect.all([until(alice, "direct"), until(bob, "direct")])
        yield* Effect.sleep("10 seconds")
        const before = [alice, bob].map((chat) => chat.tracking.path().address)
        const remotes = new Set(world.sent.slice(-2).map(({ to }) => to.port))
        first.gone("Server_lost")
        const next = yield* world.agree({ keys: "other keys" })
        yield* world.resume({ alice, bob }, next)
        yield* sayAll(alice, numbered("text", 5))
        yield* sayAll(bob, numbered("answer", 5))
        const paths = new Set<string>()
        const watch = Effect.sync(() => {
          for (const chat of [alice, bob]) paths.add(`${chat.tracking.path().kind} ${chat.tracking.path().address}`)
        })
        yield* Effect.repeat(Effect.andThen(watch, Effect.sleep(10)), { times: 3000 })
        assert.sameMembers(
          [...paths],
          before.map((address) => `direct ${address}`),
        )
        assert.deepStrictEqual(yield* take(bob, 5), numbered("text", 5))
        assert.deepStrictEqual(yield* take(alice, 5), numbered("answer", 5))
        // What is new about the call is let go, and what is old about the path stays: also when the chat goes on again.
        const last = yield* world.agree({ keys: "yet other keys" })
        yield* world.resume({ alice, bob }, last)
        yield* Effect.sleep("10 seconds")
        assert.deepStrictEqual(
          [alice, bob].map((chat) => chat.tracking.path().address),
          before,
        )
        assert.deepStrictEqual(new Set(world.sent.slice(-2).map(({ to }) => to.port)), remotes)
        assert.deepStrictEqual([first.ended.length, next.ended.length, last.ended.length], [2, 2, 0])
      }),
    ),
  )

  it.effect("by the relay at once where that path is dead by then, and on a new one soon", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* make()
        const first = yield* world.meet()
        const { alice, bob } = first
        yield* Effect.all([until(alice, "direct"), until(bob, "direct")])
        first.gone("Server_lost")
        yield* world.setUdp(false)
        yield* Effect.sleep("3 seconds")
        yield* world.resume({ alice, bob }, yield* world.agree({ keys: "other keys" }))
        const from = yield* Clock.currentTimeMillis
        yield* alice.say("text")
        assert.strictEqual(yield* bob.receive, "text")
        assert.isBelow((yield* Clock.currentTimeMillis) - from, 2000)
        yield* Effect.sleep("3 seconds")
        assert.strictEqual(bob.tracking.path().kind, "relay")
        yield* world.setUdp(true)
        yield* Effect.all([until(alice, "direct"), until(bob, "direct")])
      }),
    ),
  )

  it.effect("with the former keys, where who was called has agreed and the other never hears of it", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* make()
        const { alice, bob } = yield* world.meet()
        yield* Effect.all([until(alice, "direct"), until(bob, "direct")])
        const next = yield* world.agree({ keys: "other keys" })
        yield* world.resume({ alice, bob }, next, "bob")
        yield* sayAll(alice, numbered("text", 10))
        yield* sayAll(bob, numbered("answer", 10))
        assert.deepStrictEqual(yield* take(bob, 10), numbered("text", 10))
        assert.deepStrictEqual(yield* take(alice, 10), numbered("answer", 10))
        // As long as the other side does not know: keys change within the former ones, as they always do.
        yield* Effect.sleep("5 minutes")
        assert.isFalse(bob.isAdrift())
        yield* bob.say("still here")
        assert.strictEqual(yield* alice.receive, "still here")
        // It hears of a later call, and both go on with that one's.
        const later = yield* world.agree({ keys: "yet other keys" })
        yield* world.resume({ alice, bob }, later)
        yield* sayAll(alice, numbered("more", 10))
        yield* sayAll(bob, numbered("yet more", 10))
        assert.deepStrictEqual(yield* take(bob, 10), numbered("more", 10))
        assert.deepStrictEqual(yield* take(alice, 10), numbered("yet more", 10))
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual([...epochsOf(world.sent.slice(-4))], [0])
      }),
    ),
  )

  it.effect(
    "without a server, with the former keys, where the last word is the other way round: who began has it",
    () =>
      inVirtualTime(
        Effect.gen(function* () {
          const world = yield* make()
          const [alice, bob] = [yield* world.alice(), yield* world.bob()]
          yield* bothOpen(alice, bob)
          const next = chatKeys("other keys")
          const goesOn = (name: Name) =>
            Effect.gen(function* () {
              const remote = world.publicly[name === "alice" ? "bob" : "alice"]
              const way = { _tag: "Address" as const, socket: world.sockets[name], remote }
              const chat = name === "alice" ? alice : bob
              yield* chat.resume({ keys: next[name], way }, yield* Scope.make())
            })
          yield* goesOn("alice")
          yield* sayAll(alice, numbered("text", 10))
          yield* sayAll(bob, numbered("answer", 10))
          assert.deepStrictEqual(yield* take(bob, 10), numbered("text", 10))
          assert.deepStrictEqual(yield* take(alice, 10), numbered("answer", 10))
          assert.isFalse(alice.isHeard())
          yield* goesOn("bob")
          yield* Effect.repeat(Effect.sleep(10), { until: () => alice.isHeard() && bob.isHeard() })
          yield* sayAll(alice, numbered("more", 10))
          assert.deepStrictEqual(yield* take(bob, 10), numbered("more", 10))
        }),
      ),
  )

  it.effect("lets go of what the former call had: its wire ends, and records under its keys are nothing any more", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* make()
        const first = yield* world.meet({ hasPorts: false })
        const { alice, bob } = first
        const old = first.relayed.map(({ record }) => record)
        yield* world.resume({ alice, bob }, yield* world.agree({ keys: "other keys", hasPorts: false }))
        yield* alice.say("new")
        assert.strictEqual(yield* bob.receive, "new")
        const before = first.relayed.length
        for (const record of old) first.wire.alice.relay(record)
        yield* Effect.sleep("1 second")
        assert.isTrue(first.relayed.slice(before).every(({ from }) => from === "alice"))
        assert.strictEqual(bob.tracking.path().kind, "relay")
        yield* bob.say("still there")
        assert.strictEqual(yield* alice.receive, "still there")
      }),
    ),
  )

  it.effect("can be ended in the moment in which it goes on: the other side hears of it", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* make()
        const { alice, bob } = yield* world.meet()
        yield* Effect.all([until(alice, "direct"), until(bob, "direct")])
        yield* world.resume({ alice, bob }, yield* world.agree({ keys: "other keys" }))
        yield* bob.close
        assert.strictEqual(yield* alice.ended, "closed_by_peer")
      }),
    ),
  )

  it.effect("never with keys that were used before, and not at all when it is over", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* make()
        const first = yield* world.meet()
        const { alice, bob } = first
        assert.isTrue(Exit.hasDies(yield* Effect.exit(world.resume({ alice, bob }, first, "alice"))))
        yield* alice.close
        yield* bob.ended
        const next = yield* world.agree({ keys: "other keys" })
        yield* world.resume({ alice, bob }, next)
        yield* Effect.sleep("1 minute")
        assert.lengthOf(next.relayed, 0)
      }),
    ),
  )
})

describe("a sealed chat is adrift", () => {
  it.effect("when its way through the server is gone, though it goes on; another call ends that", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* make()
        const first = yield* world.meet()
        const { alice, bob } = first
        yield* Effect.all([until(alice, "direct"), until(bob, "direct")])
        assert.isFalse(alice.isAdrift())
        first.gone("Server_lost", "alice")
        yield* alice.adrift
        assert.isFalse(bob.isAdrift())
        yield* alice.say("directly")
        assert.strictEqual(yield* bob.receive, "directly")
        yield* world.resume({ alice, bob }, yield* world.agree({ keys: "other keys" }))
        assert.isFalse(alice.isAdrift())
        const waits = yield* Effect.timeoutOption(alice.adrift, "1 minute")
        assert.strictEqual(waits._tag, "None")
      }),
    ),
  )

  it.effect("when its keys have become too old by the wall clock, as after a sleep: what is said then waits", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* make()
        const { machine, alice, bob, sent } = yield* world.meetAsleep()
        machine.sleep(3_600_000)
        // The first record that comes, or the timer, shows it: nothing is read or said with these keys any more.
        yield* bob.say("read with the old keys?")
        yield* isAdrift(alice)
        const before = sent()
        yield* alice.say("good morning")
        yield* Effect.sleep("1 second")
        assert.strictEqual(sent(), before)
        yield* world.resume({ alice, bob }, yield* world.agree({ keys: "other keys", hasPorts: false }))
        assert.strictEqual(yield* bob.receive, "good morning")
        assert.strictEqual(yield* alice.receive, "read with the old keys?")
      }),
    ),
  )

  it.effect("and seals nothing with those keys, whatever it is asked for first", () =>
    Effect.forEach(["verify", "forgotten", "say", "close"] as const, (what) =>
      inVirtualTime(
        Effect.gen(function* () {
          const world = yield* make()
          const { machine, alice, sent } = yield* world.meetAsleep()
          machine.sleep(3_600_000)
          const before = sent()
          yield* Effect.ignore(what === "say" ? alice.say("good morning") : alice[what])
          yield* Effect.sleep("1 second")
          assert.strictEqual(sent(), before, what)
        }),
      ),
    ),
  )

  it.effect("for a day at most: a chat that nothing is heard of for so long is over", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(
        Effect.scoped(
          Effect.gen(function* () {
            const world = yield* make()
            const first = yield* world.meet({ hasPorts: false })
            first.gone("Server_lost")
            return [yield* first.alice.ended, yield* Clock.currentTimeMillis] as const
          }),
        ),
        { startImmediately: true },
      )
      // Opened first, in small steps.
      for (let i = 0; i < 20; i++) yield* TestClock.adjust(50)
      yield* TestClock.adjust("23 hours")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("62 minutes")
      const exit = fiber.pollUnsafe()
      assert.isTrue(exit !== undefined && Exit.isSuccess(exit) && exit.value[0] === "timeout")
    }),
  )

  it.effect("and ends as forgotten when the other side proves to know it no more", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* make()
        const { alice, bob } = yield* world.meet()
        yield* alice.forgotten
        assert.strictEqual(yield* alice.ended, "forgotten")
        // Whoever is at the other end of these keys hears of it.
        assert.strictEqual(yield* bob.ended, "closed_by_peer")
      }),
    ),
  )
})
