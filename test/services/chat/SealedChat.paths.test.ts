import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Random } from "effect"
import { inVirtualTime } from "../../virtualTime.ts"
import { bothOpen, make, newsOf, numbered, sayAll, type Stage, take, until } from "./SealedChatStage.ts"

const udpOf = ({ sent }: Stage) => sent.length

describe("a sealed chat that a server has brought together", () => {
  it.effect("goes by the relay at once, and directly as soon as that is proven, with nothing lost between", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* make()
        const start = yield* Clock.currentTimeMillis
        const { alice, bob, relayed, told } = yield* world.meet()
        // The first record of the other side opens it.
        assert.isAtMost((yield* Clock.currentTimeMillis) - start, 40)
        assert.strictEqual(alice.tracking.path().kind, "relay")
        assert.strictEqual(alice.tracking.path().address, "")
        yield* sayAll(alice, numbered("text", 10))
        yield* Effect.all([until(alice, "direct"), until(bob, "direct")])
        assert.isBelow((yield* Clock.currentTimeMillis) - start, 1500)
        assert.match(alice.tracking.path().address, /^198\.51\.100\.3:\d+$/)
        assert.isAbove(alice.tracking.path().rttMillis ?? 0, 39)
        assert.deepStrictEqual(yield* take(bob, 10), numbered("text", 10))
        const before = relayed.length
        yield* sayAll(alice, numbered("more", 10))
        assert.deepStrictEqual(yield* take(bob, 10), numbered("more", 10))
        assert.lengthOf(relayed, before)
        assert.isAtMost(told.length, 12)
        yield* newsOf(alice, "Path")
      }),
    ),
  )

  it.effect("stays on the relay where no ports were agreed on, and sends no datagram", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* make()
        const { alice, bob } = yield* world.meet({ hasPorts: false })
        yield* sayAll(alice, numbered("text", 100))
        assert.deepStrictEqual(yield* take(bob, 100), numbered("text", 100))
        yield* Effect.sleep("30 seconds")
        assert.strictEqual(udpOf(world), 0)
        assert.strictEqual(bob.tracking.path().kind, "relay")
        assert.strictEqual((yield* newsOf(alice, "Stuck")).because, "No_port")
      }),
    ),
  )

  it.effect("with the relay alone tells no address, asks none, and sends no datagram, though there are ports", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* make()
        const { alice, bob, told } = yield* world.meet({ relay: "always" })
        yield* sayAll(bob, numbered("text", 10))
        assert.deepStrictEqual(yield* take(alice, 10), numbered("text", 10))
        yield* Effect.sleep("2 minutes")
        assert.lengthOf(told, 0)
        assert.strictEqual(udpOf(world), 0)
        assert.strictEqual(alice.tracking.path().kind, "relay")
      }),
    ),
  )

  it.effect("without a relay opens when there is a direct path, and nothing is relayed", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* make()
        const { alice, bob, relayed } = yield* world.meet({ relay: "never" })
        assert.strictEqual(alice.tracking.path().kind, "direct")
        yield* sayAll(alice, numbered("text", 10))
        assert.deepStrictEqual(yield* take(bob, 10), numbered("text", 10))
        assert.lengthOf(relayed, 0)
        // The path dies: there is none then, and what is said waits.
        yield* world.setUdp(false)
        yield* alice.say("waits")
        yield* until(alice, "none")
        assert.strictEqual((yield* newsOf(alice, "Stuck")).because, "Peer_silent")
        assert.lengthOf(relayed, 0)
        yield* world.setUdp(true)
        assert.strictEqual(yield* bob.receive, "waits")
      }),
    ),
  )

  it.effect("ends as unreachable after its patience where what one side hears by the relay is no path for it", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* make()
        const { keys, way, relayed } = yield* world.agree({ hasPorts: false })
        const alice = yield* world.open("alice", { way: way("alice", "never"), keys: keys.alice })
        const bob = yield* world.open("bob", { way: way("bob", "always"), keys: keys.bob })
        yield* Effect.sleep("20 seconds")
        // She can read him, and is silent for him.
        assert.isAbove(relayed.length, 0)
        assert.isTrue(relayed.every(({ from }) => from === "bob"))
        assert.isTrue(alice.isHeard())
        for (const chat of [alice, bob]) assert.strictEqual((yield* Effect.flip(chat.opened)).ending, "unreachable")
        assert.closeTo(yield* Clock.currentTimeMillis, 30_000, 100)
        assert.deepInclude(alice.tracking.unreached(), { because: "Relay_unwanted", relay: "never", direct: "No_port" })
        assert.deepInclude(bob.tracking.unreached(), { because: "Peer_silent", relay: "always" })
      }),
    ),
  )

  it.effect("that was open once outlives the loss of all paths, however early", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* make()
        const { alice, bob } = yield* world.meet({ relay: "never" })
        yield* world.setUdp(false)
        yield* alice.say("waits")
        yield* Effect.all([until(alice, "none"), until(bob, "none")])
        yield* Effect.sleep("1 minute")
        yield* world.setUdp(true)
        assert.strictEqual(yield* bob.receive, "waits")
      }),
    ),
  )

  it.effect(
    "falls back to the relay within two seconds of the death of its path under traffic, with nothing lost",
    () =>
      Effect.forEach([1, 2, 3], (seed) =>
        inVirtualTime(
          Effect.gen(function* () {
            const world = yield* make()
            const { alice, bob } = yield* world.meet()
            yield* Effect.all([until(alice, "direct"), until(bob, "direct")])
            yield* Effect.sleep("3 seconds")
            yield* world.setUdp(false)
            const start = yield* Clock.currentTimeMillis
            yield* sayAll(alice, numbered("text", 20))
            assert.deepStrictEqual(yield* take(bob, 20), numbered("text", 20))
            assert.isBelow((yield* Clock.currentTimeMillis) - start, 2000)
            assert.strictEqual(alice.tracking.path().kind, "relay")
            // And back, without a word from anybody.
            yield* world.setUdp(true)
            yield* Effect.all([until(alice, "direct"), until(bob, "direct")])
            yield* bob.say("and back")
            assert.strictEqual(yield* alice.receive, "and back")
          }).pipe(Effect.scoped, Random.withSeed(`death ${seed}`)),
        ),
      ),
  )

  it.effect("notices the death of its path without traffic too, before somebody has to wait for it", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* make()
        const { alice, bob } = yield* world.meet()
        yield* Effect.all([until(alice, "direct"), until(bob, "direct")])
        yield* world.setUdp(false)
        const start = yield* Clock.currentTimeMillis
        yield* Effect.all([until(alice, "relay"), until(bob, "relay")])
        assert.isBelow((yield* Clock.currentTimeMillis) - start, 15_000)
      }),
    ),
  )

  it.effect("that a NAT forgets goes on", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* make({}, true)
        const { alice, bob } = yield* world.meet()
        yield* Effect.all([until(alice, "direct"), until(bob, "direct")])
        yield* world.nat.restart()
        const start = yield* Clock.currentTimeMillis
        yield* bob.say("still there?")
        assert.strictEqual(yield* alice.receive, "still there?")
        assert.isBelow((yield* Clock.currentTimeMillis) - start, 2500)
      }),
    ),
  )

  it.effect("of which one side moves to another address goes on", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* make()
        const { alice, bob } = yield* world.meet()
        yield* Effect.all([until(alice, "direct"), until(bob, "direct")])
        yield* world.hosts.alice.move({ address: "203.0.113.50" })
        yield* alice.say("from elsewhere")
        assert.strictEqual(yield* bob.receive, "from elsewhere")
        yield* Effect.sleep("10 seconds")
        yield* Effect.all([until(alice, "direct"), until(bob, "direct")])
        assert.match(bob.tracking.path().address, /^203\.0\.113\.50:/)
      }),
    ),
  )

  it.effect("of which the server relays nothing goes directly, and says why it is out of reach until then", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* make()
        yield* world.setUdp(false)
        const agreement = yield* world.agree()
        agreement.refuse()
        const { keys, relay, way } = agreement
        const alice = yield* world.open("alice", { way: way("alice", relay), keys: keys.alice })
        const bob = yield* world.open("bob", { way: way("bob", relay), keys: keys.bob })
        assert.strictEqual((yield* newsOf(alice, "Stuck")).because, "Relay_refused")
        assert.strictEqual(alice.tracking.path().kind, "none")
        yield* world.setUdp(true)
        yield* bothOpen(alice, bob)
        assert.strictEqual(alice.tracking.path().kind, "direct")
        assert.lengthOf(agreement.relayed, 0)
      }),
    ),
  )

  it.effect("ends when the other side ends it, on whichever path, and the call at the server with it", () =>
    Effect.forEach(["always", "never"] as const, (relay) =>
      inVirtualTime(
        Effect.gen(function* () {
          const world = yield* make()
          const chats = yield* Effect.scoped(
            Effect.gen(function* () {
              const met = yield* world.meet({ relay })
              yield* met.alice.close
              assert.strictEqual(yield* met.bob.ended, "closed_by_peer")
              return met
            }),
          )
          assert.deepStrictEqual(chats.ended.toSorted(), ["alice", "bob"])
          const before = chats.relayed.length + udpOf(world)
          yield* Effect.sleep("1 minute")
          assert.strictEqual(chats.relayed.length + udpOf(world), before)
        }),
      ),
    ),
  )

  it.effect("tells what is known of the network: paths, candidates, and what was tried", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* make()
        const { alice, bob } = yield* world.meet()
        yield* Effect.all([until(alice, "direct"), until(bob, "direct")])
        const report = yield* alice.tracking.reach
        assert.deepStrictEqual(
          report.paths.map(({ kind }) => kind),
          ["direct", "relay"],
        )
        assert.isAbove(report.packets, 0)
        assert.isBelow(report.packets, 100)
        assert.include(
          report.other.candidates.map(({ endpoint }) => endpoint.address),
          "198.51.100.3",
        )
      }),
    ),
  )
})
