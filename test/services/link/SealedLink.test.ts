/**
 * A peer's link to its server, alone: what goes through the server, what it is asked, whether it is still there.
 */
import { assert, describe } from "@effect/vitest"
import { Clock, Effect } from "effect"
import * as LinkChannel from "nomitm/domain/call/LinkChannel"
import * as ServerLink from "nomitm/domain/nomitm1/ServerLink"
import { maxWaitingEvents } from "nomitm/services/link/SealedLink"
import * as Stage from "./LinkStage.ts"
import { bytesOf } from "../server/SecureStage.ts"
import { memoryWorld, nodeWorld } from "../worlds.ts"

const record = (n: number, length = 96) => bytesOf(`record ${n}`, length)
const candidates = (n: number) => ({ type: LinkChannel.candidates, body: Uint8Array.of(n) })
/** For all that is on its way. */
const settle = Effect.sleep("200 millis")
/** Where `SecureStage` begins to draw. */
const firstPort = 50_001

const promise = Stage.promise(memoryWorld)

describe("a wire", () => {
  promise("keeps what comes before anybody listens, within bounds, and gives it first", (stage) =>
    Effect.gen(function* () {
      const alice = yield* stage.person("alice", 2)
      const bob = yield* stage.person("bob", 3)
      const [a, b] = yield* Stage.agree(alice, bob)
      for (let i = 0; i < 200; i++) a.wire.relay(record(i))
      yield* settle
      const heard = yield* Stage.listen(b.wire)
      const records = heard.events.flatMap((event) => (event._tag === "Relayed" ? [event.record] : []))
      assert.deepStrictEqual(
        records,
        Array.from({ length: maxWaitingEvents }, (_, i) => record(i)),
      )
      assert.lengthOf(
        heard.events.filter(({ _tag }) => _tag === "Started"),
        1,
      )
      a.wire.relay(record(999))
      yield* settle
      const last = heard.events.at(-1)
      assert.deepStrictEqual(last, { _tag: "Relayed", record: record(999) })
    }),
  )

  promise("is gone when the link is lost, which ends neither the agreement nor its port", (stage) =>
    Effect.gen(function* () {
      const alice = yield* stage.person("alice", 2)
      const bob = yield* stage.person("bob", 3)
      const [a, b] = yield* Stage.agree(alice, bob)
      const [ofA, ofB] = [yield* Stage.listen(a.wire), yield* Stage.listen(b.wire)]
      const { port } = yield* ofA.next("Started")
      yield* ofB.next("Started")
      yield* alice.leave
      assert.deepStrictEqual(yield* ofA.next("Gone"), { _tag: "Gone", code: "Server_lost" })
      assert.deepStrictEqual(yield* ofB.next("Gone"), { _tag: "Gone", code: "Peer_gone" })
      assert.isFalse(yield* alice.isFree(port!.socket.local.port))
      // Nothing of this has anywhere to go.
      a.wire.tell(candidates(1))
      assert.isFalse(a.wire.relay(record(1)))
      yield* a.wire.end
      yield* a.release
      assert.isTrue(yield* alice.isFree(port!.socket.local.port))
    }),
  )

  promise("that has ended hears nothing more, and the port stays until the scope ends", (stage) =>
    Effect.gen(function* () {
      const alice = yield* stage.person("alice", 2)
      const bob = yield* stage.person("bob", 3)
      const [a, b] = yield* Stage.agree(alice, bob)
      const [ofA, ofB] = [yield* Stage.listen(a.wire), yield* Stage.listen(b.wire)]
      yield* ofA.next("Started")
      b.wire.relay(record(1))
      yield* a.wire.end
      yield* settle
      assert.deepStrictEqual(ofA.events, [])
      assert.strictEqual((yield* ofB.next("Gone")).code, "Failed")
      assert.isFalse(yield* alice.isFree(firstPort))
    }),
  )

  promise("goes on when a second call of other people comes and goes", (stage) =>
    Effect.gen(function* () {
      const alice = yield* stage.person("alice", 2)
      const bob = yield* stage.person("bob", 3)
      const carol = yield* stage.person("carol", 4)
      const [a, b] = yield* Stage.agree(alice, bob)
      const [ofA, ofB] = [yield* Stage.listen(a.wire), yield* Stage.listen(b.wire)]
      yield* ofA.next("Started")
      const [c, b2] = yield* Stage.agree(carol, bob)
      const second = yield* Stage.listen(b2.wire)
      const { port } = yield* second.next("Started")
      assert.notStrictEqual(port?.socket.local.port, firstPort)
      yield* c.release
      yield* second.next("Gone")
      a.wire.relay(record(1))
      assert.deepStrictEqual((yield* ofB.next("Relayed")).record, record(1))
      assert.isFalse(yield* bob.isFree(firstPort))
    }),
  )

  promise("with one who is called again by the same person gives way to the new one", (stage) =>
    Effect.gen(function* () {
      const alice = yield* stage.person("alice", 2)
      const bob = yield* stage.person("bob", 3)
      const [a, b] = yield* Stage.agree(alice, bob)
      const [ofA, ofB] = [yield* Stage.listen(a.wire), yield* Stage.listen(b.wire)]
      const [a2, b2] = yield* Stage.agree(alice, bob)
      for (const heard of [ofA, ofB]) assert.include(["Replaced", "Failed"], (yield* heard.next("Gone")).code)
      const fromAlice = yield* Stage.listen(b2.wire)
      a2.wire.relay(record(7))
      assert.deepStrictEqual((yield* fromAlice.next("Relayed")).record, record(7))
      assert.notDeepEqual(a.keys.h, a2.keys.h)
    }),
  )
})

describe("where to ask what the server sees", () => {
  Stage.promise(nodeWorld)(
    "is told with both ports and, where there is one, the other address; asked once, or anew",
    (stage) =>
      Effect.gen(function* () {
        const alice = yield* stage.person("alice", 2)
        const [one, same] = yield* Effect.all([alice.link.reflex, alice.link.reflex], { concurrency: "unbounded" })
        assert.strictEqual(one, same)
        assert.strictEqual(yield* alice.link.reflex, one)
        assert.strictEqual(one.seen, nodeWorld.address(2))
        assert.deepStrictEqual(
          one.targets.map(({ address }) => address),
          [1, 1, 9, 9].map(nodeWorld.address),
        )
        assert.strictEqual(one.targets[0]!.port, one.targets[2]!.port)
        assert.strictEqual(one.targets[1]!.port, one.targets[3]!.port)
        assert.notStrictEqual(one.targets[0]!.port, one.targets[1]!.port)
        const fresh = yield* alice.link.freshReflex
        assert.notDeepEqual(fresh.token, one.token)
        assert.strictEqual(yield* alice.link.reflex, fresh)
      }),
    { lookups: { alternate: nodeWorld.address(9) } },
  )

  promise("is nowhere at a server that serves none, and lost with the link", (stage) =>
    Effect.gen(function* () {
      const alice = yield* stage.person("alice", 2)
      const refused = yield* Effect.flip(alice.link.reflex)
      assert.strictEqual(refused._tag === "Refused" ? refused.code : refused._tag, "Unavailable")
      yield* alice.leave
      assert.strictEqual((yield* Effect.flip(alice.link.freshReflex))._tag, "LinkLost")
    }),
  )
})

describe("a server that is doubted", () => {
  const millisUntil = <E>(effect: Effect.Effect<unknown, E>) =>
    Effect.gen(function* () {
      const start = yield* Clock.currentTimeMillis
      yield* effect
      return (yield* Clock.currentTimeMillis) - start
    })
  const pings = (said: ReadonlyArray<string>) => said.filter((text) => text === "PING\n").length

  promise("and does not answer is lost within its time, and not only when silence would show it", (stage) =>
    Effect.gen(function* () {
      const said: Array<string> = []
      const alice = yield* stage.person("alice", 2, { onSend: (text) => said.push(text) })
      yield* stage.mishaps!.setUp(1, false)
      yield* Effect.sleep("5 seconds")
      yield* alice.link.doubt([])
      assert.strictEqual(pings(said), 1)
      const waited = yield* millisUntil(alice.link.lost)
      assert.strictEqual((yield* alice.link.lost).reason, "Silent")
      assert.approximately(waited, ServerLink.answerMillis, 100)
      assert.isBelow(waited + 5000, ServerLink.silenceMillis)
    }),
  )

  promise("and is there is asked once by all who doubt it meanwhile, and goes on as before", (stage) =>
    Effect.gen(function* () {
      const said: Array<string> = []
      const alice = yield* stage.person("alice", 2, { onSend: (text) => said.push(text) })
      const bob = yield* stage.person("bob", 3)
      const [a, b] = yield* Stage.agree(alice, bob)
      const ofB = yield* Stage.listen(b.wire)
      for (let n = 0; n < 5; n++) yield* alice.link.doubt([])
      assert.strictEqual(pings(said), 1)
      yield* settle
      // It has answered: a new doubt is a new question.
      yield* alice.link.doubt(["203.0.113.1"])
      assert.strictEqual(pings(said), 2)
      yield* Effect.sleep(2 * ServerLink.answerMillis)
      a.wire.relay(record(1))
      assert.deepStrictEqual((yield* ofB.next("Relayed")).record, record(1))
      assert.lengthOf(yield* alice.link.users, 1)
    }),
  )

  promise("at the other end of a connection from an address that is no more is lost at once", (stage) =>
    Effect.gen(function* () {
      const alice = yield* stage.person("alice", 2)
      yield* alice.link.doubt([memoryWorld.address(2)])
      assert.isBelow(yield* millisUntil(alice.link.lost), 100)
      yield* alice.link.doubt([])
    }),
  )
})
