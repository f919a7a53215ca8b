/**
 * Records that go through a server, as its clients see them: between the two of a call, in bounds, and unread.
 */
import { assert, describe } from "@effect/vitest"
import { Effect, Option } from "effect"
import * as RelayQuota from "nomitm/domain/nomitm1/RelayQuota"
import { maxQueuedBytes } from "nomitm/services/server/CallDesk"
import { RendezvousTransport } from "nomitm/services/RendezvousTransport"
import { type Client, hearsNothing, promiseIn, type Scene } from "./SecureScene.ts"
import * as Stage from "./SecureStage.ts"
import { memoryWorld, type World, worlds } from "../worlds.ts"

/** Registers somebody who reads nothing of what comes, unless asked to. */
const deaf = ({ server, host }: Scene, world: World, name: string, n: number) =>
  Effect.gen(function* () {
    const transport = yield* RendezvousTransport
    const connection = yield* transport.connect({ ...server, localAddress: world.address(n) })
    const say = (...lines: ReadonlyArray<string>) => connection.send(lines.map((line) => `${line}\n`).join(""))
    say(Stage.registerLine(yield* Stage.person(name), name, connection.secured))
    yield* connection.receive
    /** All that came, up to a line. */
    const readUntil = Effect.fnUntraced(function* (last: string) {
      let text = ""
      while (!text.endsWith(`${last}\n`)) text += new TextDecoder().decode(yield* connection.receive)
      return text.trimEnd().split("\n")
    })
    return { say, readUntil }
  }).pipe(Effect.provide(host(n)))

const id = Stage.callId(1)

const ring = Effect.fnUntraced(function* (caller: Client, callee: Client, name: string, call = id) {
  yield* caller.say(`CHAT ${name} ${call} ${Stage.m1()}`)
  assert.include(yield* callee.hear, `INCOMING ${call}`)
})

/** A call that both were told to start. */
const start = Effect.fnUntraced(function* (caller: Client, callee: Client, name: string, call = id) {
  yield* ring(caller, callee, name, call)
  yield* callee.say(`ACCEPT ${call}`)
  for (const client of [caller, callee]) assert.include(yield* client.hear, "PORT")
  yield* caller.say(`OK ${call}`)
  yield* callee.say(`OK ${call}`)
  for (const client of [caller, callee]) assert.include(yield* client.hear, "STARTCHAT")
})

const record = (n: number, length = 96, call = id) => `RELAY ${call} ${Stage.data(n, length)}`
const records = (count: number, length = 96) => Array.from({ length: count }, (_, n) => record(n, length))

/** How many records a client has heard before the answer to its PING. */
const heardRecords = (client: Client) =>
  Effect.gen(function* () {
    yield* client.say("PING")
    return (yield* client.hearUntil("PONG")).slice(0, -1)
  })

describe.each(worlds)("the relay of a server $name", (world) => {
  const promise = promiseIn(world)

  promise("hands records on both ways as they are, in order, from ACCEPT on and not before", ({ register }) =>
    Effect.gen(function* () {
      const [alice, bob] = [yield* register("alice", 2), yield* register("bob", 3)]
      yield* ring(alice, bob, "bob")
      yield* bob.say(`PASS ${id} ${Stage.data()}`)
      yield* alice.hear
      yield* alice.say(record(1))
      yield* bob.say(record(2))
      yield* hearsNothing(alice)
      yield* hearsNothing(bob)
      yield* bob.say(`ACCEPT ${id}`)
      for (const client of [alice, bob]) assert.include(yield* client.hear, "PORT")
      // Nobody has answered about the port.
      for (const length of [1, 2, 3, 96, 1231, 1232]) {
        yield* alice.say(record(length, length))
        assert.strictEqual(yield* bob.hear, record(length, length))
        yield* bob.say(record(length, length))
        assert.strictEqual(yield* alice.hear, record(length, length))
      }
      for (const client of [alice, bob]) yield* client.say(`OK ${id}`)
      for (const client of [alice, bob]) assert.include(yield* client.hear, "STARTCHAT")
      yield* alice.say(...records(300))
      for (const line of records(300)) assert.strictEqual(yield* bob.hear, line)
    }),
  )

  promise("ends with the call: who leaves is told of, and records of it are dropped without a word", ({ register }) =>
    Effect.gen(function* () {
      const [alice, bob, carol] = [yield* register("alice", 2), yield* register("bob", 3), yield* register("carol", 4)]
      yield* start(alice, bob, "bob")
      yield* start(alice, carol, "carol", Stage.callId(2))
      yield* bob.say("CLOSE")
      assert.strictEqual(yield* alice.hear, `ENDED ${id} Peer_gone`)
      yield* carol.say(`END ${Stage.callId(2)} Failed`)
      assert.strictEqual(yield* alice.hear, `ENDED ${Stage.callId(2)} Failed`)
      yield* alice.say(record(1), record(2, 96, Stage.callId(2)))
      yield* hearsNothing(alice)
      yield* hearsNothing(carol)
    }),
  )

  promise("goes on with another call of the same two in place of the one before, and tells both", ({ register }) =>
    Effect.gen(function* () {
      const [alice, bob] = [yield* register("alice", 2), yield* register("bob", 3)]
      yield* start(alice, bob, "bob")
      const next = Stage.callId(2)
      yield* ring(bob, alice, "alice", next)
      yield* alice.say(record(1))
      assert.strictEqual(yield* bob.hear, record(1))
      yield* alice.say(`ACCEPT ${next}`)
      for (const client of [alice, bob]) {
        assert.strictEqual(yield* client.hear, `ENDED ${id} Replaced`)
        assert.include(yield* client.hear, "PORT")
      }
      yield* alice.say(record(2), record(3, 96, next))
      assert.strictEqual(yield* bob.hear, record(3, 96, next))
    }),
  )

  promise(
    "is none where the server wants none: each side hears that once a call",
    ({ register }) =>
      Effect.gen(function* () {
        const [alice, bob] = [yield* register("alice", 2), yield* register("bob", 3)]
        yield* start(alice, bob, "bob")
        yield* alice.say(...records(5))
        assert.strictEqual(yield* alice.hear, "ERROR Relay_refused")
        yield* bob.say(...records(5))
        assert.strictEqual(yield* bob.hear, "ERROR Relay_refused")
        yield* hearsNothing(alice)
        yield* hearsNothing(bob)
      }),
    { limits: { relay: undefined } },
  )

  promise(
    "stops for whoever does not take what comes, who is not cut off, and for nobody else",
    (scene) =>
      Effect.gen(function* () {
        const [alice, carol] = [yield* scene.register("alice", 2), yield* scene.register("carol", 4)]
        const bob = yield* deaf(scene, world, "bob", 3)
        yield* alice.say(`CHAT bob ${id} ${Stage.m1()}`)
        yield* hearsNothing(alice)
        bob.say(`ACCEPT ${id}`, `ERROR Relay ${id}`)
        yield* alice.hearUntil(`STARTCHAT 0.0.0.0 0 bob ${id}`)
        const other = Stage.callId(2)
        yield* start(alice, carol, "carol", other)
        // Far more than the buffers of both systems, and the outbox.
        for (let n = 0; n < 20; n++) {
          yield* alice.say(...records(250, 1232))
          yield* hearsNothing(alice)
          yield* alice.say(record(n, 96, other))
          assert.strictEqual(yield* carol.hear, record(n, 96, other))
        }
        // He is still there, and heard: what he sends as records waits for nothing.
        bob.say(record(7))
        assert.strictEqual(yield* alice.hear, record(7))
      }),
    {
      limits: {
        relay: {
          perUser: { burst: 100_000_000, perSecond: 100_000_000 },
          total: { burst: 100_000_000, perSecond: 100_000_000 },
        },
      },
    },
  )
})

describe("the relay of a server in bounds", () => {
  const promise = promiseIn(memoryWorld)
  const narrow = (perUser: number, total: number): Stage.ServerOptions => ({
    limits: {
      relay: {
        perUser: { burst: 10 * perUser, perSecond: perUser },
        total: { burst: 10 * total, perSecond: total },
      },
    },
  })

  promise(
    "carries 250 whole records a second for somebody, for as long as they like, and lets other lines by",
    (scene) =>
      Effect.gen(function* () {
        const [alice, bob] = [yield* scene.register("alice", 2), yield* scene.register("bob", 3)]
        yield* start(alice, bob, "bob")
        for (let tick = 0; tick < 200; tick++) {
          yield* alice.say(...records(20, 1024))
          yield* alice.say("PING")
          assert.strictEqual(yield* alice.hear, "PONG")
          for (let n = 0; n < 20; n++) assert.strictEqual(yield* bob.hear, record(n, 1024))
          // The round trip takes 40 of these 80 milliseconds.
          yield* Effect.sleep(40)
        }
      }),
  )

  promise(
    "is a burst and then so many bytes a second for each id, on however many connections",
    ({ register }) =>
      Effect.gen(function* () {
        const who = yield* Stage.person("alice")
        const [alice, again] = [yield* register("alice", 2, { who }), yield* register("alice2", 4, { who })]
        const [bob, carol] = [yield* register("bob", 3), yield* register("carol", 5)]
        const other = Stage.callId(2)
        yield* start(alice, bob, "bob")
        yield* start(again, carol, "carol", other)
        yield* alice.say(...records(30, 1000))
        yield* hearsNothing(alice)
        yield* again.say(...Array.from({ length: 30 }, (_, n) => record(n, 1000, other)))
        yield* hearsNothing(again)
        const [first, second] = [yield* heardRecords(bob), yield* heardRecords(carol)]
        assert.deepStrictEqual([first.length, second.length], [30, 10])
        // Others have their own.
        yield* bob.say(...records(10, 1000))
        assert.lengthOf(yield* heardRecords(bob), 0)
        assert.lengthOf(yield* heardRecords(alice), 10)
      }),
    narrow(4000, 1_000_000),
  )

  promise(
    "gives nothing back to who connects again",
    ({ register }) =>
      Effect.gen(function* () {
        const bob = yield* register("bob", 3)
        let heard = 0
        for (let n = 0; n < 5; n++) {
          const alice = yield* register("alice", 2)
          const call = Stage.callId(n)
          yield* start(alice, bob, "bob", call)
          yield* alice.say(...Array.from({ length: 50 }, (_, n) => record(n, 1000, call)))
          yield* hearsNothing(alice)
          heard += (yield* heardRecords(bob)).length
          yield* alice.say("CLOSE")
          assert.strictEqual(yield* bob.hear, `ENDED ${call} Peer_gone`)
        }
        assert.isAtLeast(heard, 40)
        assert.isAtMost(heard, 50)
      }),
    narrow(4000, 1_000_000),
  )

  promise(
    "is no more for all together than the server's own",
    ({ register }) =>
      Effect.gen(function* () {
        let heard = 0
        for (let n = 0; n < 3; n++) {
          const [from, to] = [yield* register(`from${"abc"[n]}`, 2 + n), yield* register(`to${"abc"[n]}`, 5 + n)]
          const call = Stage.callId(n)
          yield* start(from, to, `to${"abc"[n]}`, call)
          yield* from.say(...Array.from({ length: 40 }, (_, n) => record(n, 1000, call)))
          yield* hearsNothing(from)
          heard += (yield* heardRecords(to)).length
        }
        assert.isAtLeast(heard, 60)
        assert.isAtMost(heard, 70)
      }),
    narrow(100_000, 6000),
  )

  promise("costs who sends more than that their lines: they are read more slowly, and nobody else is", ({ register }) =>
    Effect.gen(function* () {
      const [alice, bob, carol] = [yield* register("alice", 2), yield* register("bob", 3), yield* register("carol", 4)]
      yield* start(alice, bob, "bob")
      // The burst is 4,096 small records; those after that cost a line each, 300 in the first second.
      const burst = Math.floor((1024 * 1024) / RelayQuota.leastBytes)
      yield* alice.say(...records(burst + 6000), "PING")
      yield* Effect.sleep(1000)
      yield* hearsNothing(carol)
      const heard = yield* heardRecords(bob)
      assert.isAtLeast(heard.length, burst)
      assert.isAtMost(heard.length, burst + 1024 + 300)
      yield* alice.hear.pipe(
        Effect.timeoutOption("1 seconds"),
        Effect.map((early) => assert.isTrue(Option.isNone(early))),
      )
      // The flood is behind them after a while.
      yield* Effect.sleep("20 seconds")
      yield* heardRecords(bob)
      assert.strictEqual(yield* alice.hear, "PONG")
    }),
  )

  promise("is bounded by what waits for the receiver", (scene) =>
    Effect.gen(function* () {
      const alice = yield* scene.register("alice", 2)
      const bob = yield* deaf(scene, memoryWorld, "bob", 3)
      yield* alice.say(`CHAT bob ${id} ${Stage.m1()}`)
      yield* hearsNothing(alice)
      bob.say(`ACCEPT ${id}`, `ERROR Relay ${id}`)
      yield* alice.hearUntil(`STARTCHAT 0.0.0.0 0 bob ${id}`)
      assert.isBelow(maxQueuedBytes, 300_000)
      yield* alice.say(...records(700, 1232))
      yield* hearsNothing(alice)
      bob.say(`PASS ${id} ${Stage.data()}`)
      yield* alice.say(`PASS ${id} ${Stage.data(8)}`, `END ${id} Failed`)
      const heard = yield* bob.readUntil(`ENDED ${id} Failed`)
      // What was under way, and what may wait; the newest were dropped.
      const line = record(0, 1232).length + 1
      assert.isAtLeast(heard.length * line, maxQueuedBytes)
      assert.isAtMost(heard.length * line, maxQueuedBytes + 64 * 1024 + 4 * line)
    }),
  )
})
