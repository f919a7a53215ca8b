/**
 * The calls on a peer's link to its server: what is agreed on, whose port it is, which chat goes on.
 */
import { assert, describe } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as LinkChannel from "nomitm/domain/call/LinkChannel"
import * as Bytes from "nomitm/domain/crypto/Bytes"
import * as Stage from "./LinkStage.ts"
import { bytesOf } from "../server/SecureStage.ts"
import { memoryWorld, worlds } from "../worlds.ts"

const record = (n: number, length = 96) => bytesOf(`record ${n}`, length)
const candidates = (n: number) => ({ type: LinkChannel.candidates, body: Uint8Array.of(n) })
/** For all that is on its way. */
const settle = Effect.sleep("200 millis")
/** Where `SecureStage` begins to draw. */
const firstPort = 50_001

for (const world of worlds) {
  const promise = Stage.promise(world)

  describe(`a call through the server ${world.name}`, () => {
    promise("is agreed on by both, with a wire that carries records and messages both ways", (stage) =>
      Effect.gen(function* () {
        const alice = yield* stage.person("alice", 2)
        const bob = yield* stage.person("bob", 3)
        const [a, b] = yield* Stage.agree(alice, bob)
        assert.deepStrictEqual(a.keys.h, b.keys.h)
        assert.deepStrictEqual([a.resumes, b.resumes, a.invited, b.invited], [undefined, undefined, false, false])
        const [fromBob, fromAlice] = [yield* Stage.listen(a.wire), yield* Stage.listen(b.wire)]
        assert.isTrue(a.wire.relay(record(1)))
        assert.isTrue(b.wire.relay(record(2, 1232)))
        a.wire.tell(candidates(3))
        assert.deepStrictEqual((yield* fromAlice.next("Relayed")).record, record(1))
        assert.deepStrictEqual((yield* fromBob.next("Relayed")).record, record(2, 1232))
        assert.deepStrictEqual((yield* fromAlice.next("Told")).message, candidates(3))
        const started = [yield* fromBob.next("Started"), yield* fromAlice.next("Started")]
        for (const { port, remote } of started) {
          assert.strictEqual(remote?.port, firstPort)
          assert.strictEqual(port?.socket.local.port, firstPort)
        }
      }),
    )

    promise(
      "gives its port back with the scope it was taken in, and the other side hears that the wire is gone",
      (stage) =>
        Effect.gen(function* () {
          const alice = yield* stage.person("alice", 2)
          const bob = yield* stage.person("bob", 3)
          const [a, b] = yield* Stage.agree(alice, bob)
          const [ofA, ofB] = [yield* Stage.listen(a.wire), yield* Stage.listen(b.wire)]
          yield* ofA.next("Started")
          yield* ofB.next("Started")
          assert.isFalse(yield* alice.isFree(firstPort))
          yield* a.release
          assert.isTrue(yield* alice.isFree(firstPort))
          assert.deepStrictEqual(yield* ofB.next("Gone"), { _tag: "Gone", code: "Failed" })
          // It says nothing of the port: the chat may go on.
          assert.isFalse(yield* bob.isFree(firstPort))
          assert.isFalse(b.wire.relay(record(1)))
          assert.isFalse(a.wire.relay(record(1)))
          assert.deepStrictEqual(ofA.events, [])
          yield* b.release
          assert.isTrue(yield* bob.isFree(firstPort))
        }),
    )
  })
}

const promise = Stage.promise(memoryWorld)

describe("a port", () => {
  promise("is none where one side wants all to go through the server", (stage) =>
    Effect.gen(function* () {
      const alice = yield* stage.person("alice", 2, { relayOnly: true })
      const bob = yield* stage.person("bob", 3)
      const [a, b] = yield* Stage.agree(alice, bob)
      const [ofA, ofB] = [yield* Stage.listen(a.wire), yield* Stage.listen(b.wire)]
      for (const heard of [ofA, ofB]) {
        assert.deepStrictEqual(yield* heard.next("Started"), { _tag: "Started", port: undefined, remote: undefined })
      }
      for (const who of [alice, bob]) assert.isTrue(yield* who.isFree(firstPort))
      a.wire.relay(record(1))
      assert.deepStrictEqual((yield* ofB.next("Relayed")).record, record(1))
    }),
  )

  promise("is given back by whoever was interrupted, whenever that was", (stage) =>
    Effect.gen(function* () {
      const alice = yield* stage.person("alice", 2)
      const bob = yield* stage.person("bob", 3)
      let agreed = 0
      for (let millis = 0; millis <= 300; millis += 10) {
        const called = yield* Effect.forkChild(
          Effect.scoped(Effect.exit(alice.link.call({ who: Stage.byName("bob") }))),
          {
            startImmediately: true,
          },
        )
        const answered = yield* Effect.forkChild(Effect.scoped(bob.link.incoming), { startImmediately: true })
        yield* Effect.sleep(millis)
        if (answered.pollUnsafe() !== undefined) agreed++
        yield* Fiber.interruptAll([called, answered])
        yield* settle
        // What was agreed on in between and waits is taken up, and given back.
        yield* Effect.scoped(Effect.timeoutOption(bob.link.incoming, 1))
        yield* settle
        // The server counts ten calls a minute.
        yield* Effect.sleep("7 seconds")
      }
      assert.isTrue(agreed > 0 && agreed < 31, `${agreed}`)
      for (const who of [alice, bob]) {
        for (let port = firstPort; port < firstPort + 100; port++) assert.isTrue(yield* who.isFree(port), `${port}`)
      }
    }),
  )

  promise("of an agreement that nobody takes up goes with the link", (stage) =>
    Effect.gen(function* () {
      const alice = yield* stage.person("alice", 2)
      const bob = yield* stage.person("bob", 3)
      const [called] = [yield* Effect.forkScoped(alice.link.call({ who: Stage.byName("bob") }))]
      yield* settle
      yield* settle
      assert.isFalse(yield* bob.isFree(firstPort))
      yield* bob.leave
      assert.isTrue(yield* bob.isFree(firstPort))
      yield* Fiber.join(called)
    }),
  )
})

describe("a chat of before", () => {
  const chat = bytesOf("the first call", 16)
  const known = (chatId: Uint8Array) => (Bytes.equals(chatId, chat) ? "Known" : "Unknown")
  const takesNoCalls = { ...Stage.strangers, admits: (): "Refuse" => "Refuse" }

  promise("goes on where it is known, though no calls are taken", (stage) =>
    Effect.gen(function* () {
      const alice = yield* stage.person("alice", 2)
      const bob = yield* stage.person("bob", 3, { knowledge: takesNoCalls, resumable: known })
      const [a, b] = yield* Stage.agree(alice, bob, chat)
      assert.deepStrictEqual([a.resumes, b.resumes], [chat, chat])
      assert.deepStrictEqual(a.keys.h, b.keys.h)
      const error = yield* Effect.flip(Effect.scoped(alice.link.call({ who: Stage.byName("bob") })))
      assert.strictEqual(error._tag === "CallFailed" ? error.code : error._tag, "Declined")
    }),
  )

  promise("that is known no more is refused as such, by the other side itself", (stage) =>
    Effect.gen(function* () {
      const alice = yield* stage.person("alice", 2)
      const bob = yield* stage.person("bob", 3)
      const error = yield* Effect.flip(Effect.scoped(Stage.agree(alice, bob, chat)))
      assert.strictEqual(error._tag === "CallFailed" ? error.code : error._tag, "No_such_chat")
    }),
  )

  promise("that both resume at once goes on once for each", (stage) =>
    Effect.gen(function* () {
      const alice = yield* stage.person("alice", 2, { resumable: known })
      const bob = yield* stage.person("bob", 3, { resumable: known })
      const [a, b] = yield* Effect.all(
        [
          alice.link.call({ who: Stage.byName("bob"), resumes: chat }),
          bob.link.call({ who: Stage.byName("alice"), resumes: chat }),
        ],
        { concurrency: "unbounded" },
      )
      assert.deepStrictEqual(a.keys.h, b.keys.h)
      assert.notStrictEqual(a.keys.isInitiator, b.keys.isInitiator)
      const heard = yield* Stage.listen(b.wire)
      a.wire.relay(record(1))
      assert.deepStrictEqual((yield* heard.next("Relayed")).record, record(1))
    }),
  )
})
