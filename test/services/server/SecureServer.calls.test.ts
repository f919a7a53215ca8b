/**
 * Calls at a server over TLS, as its clients see them. (What is decided: `test/domain/nomitm1/ServerCalls.test.ts`.)
 */
import { assert, describe } from "@effect/vitest"
import { Clock, Effect, type Scope } from "effect"
import * as ServerCalls from "nomitm/domain/nomitm1/ServerCalls"
import { maxTries } from "nomitm/services/server/Negotiator"
import { type Client, hearsNothing, promiseIn } from "./SecureScene.ts"
import * as Stage from "./SecureStage.ts"
import { memoryWorld as world } from "../worlds.ts"

const promise = promiseIn(world)

const id = Stage.callId(1)

/** One calls the other, who hears it. */
const ring = Effect.fnUntraced(function* (caller: Client, callee: Client, name: string, call = id) {
  yield* caller.say(`CHAT ${name} ${call} ${Stage.m1()}`)
  assert.strictEqual(yield* callee.hear, `INCOMING ${call} ${Stage.idHash(caller.who)} ${Stage.m1()}`)
})

const elapsed = Effect.map(Clock.currentTimeMillis, (start) =>
  Effect.map(Clock.currentTimeMillis, (now) => now - start),
)

describe("a call at a server", () => {
  promise("by id reaches whoever has it", ({ register }) =>
    Effect.gen(function* () {
      const alice = yield* register("alice", 2)
      const bob = yield* register("bob", 3)
      yield* alice.say(`CHAT ${bob.who.id} ${id} ${Stage.m1()}`)
      assert.strictEqual(yield* bob.hear, `INCOMING ${id} ${Stage.idHash(alice.who)} ${Stage.m1()}`)
    }),
  )

  promise("shows nobody an address before the callee accepts", ({ register }) =>
    Effect.gen(function* () {
      const alice = yield* register("alice", 2)
      const bob = yield* register("bob", 3)
      yield* ring(alice, bob, "bob")
      yield* bob.say(`PASS ${id} ${Stage.data()}`, `OK ${id}`)
      yield* alice.hear
      // The caller can't accept in the callee's stead.
      yield* alice.say(`ACCEPT ${id}`, `OK ${id}`)
      yield* Effect.sleep("10 seconds")
      yield* hearsNothing(alice)
      yield* hearsNothing(bob)
    }),
  )

  for (const code of ["Declined", "Failed"]) {
    promise(`ends with ${code} for the caller when the callee says so`, ({ register }) =>
      Effect.gen(function* () {
        const alice = yield* register("alice", 2)
        const bob = yield* register("bob", 3)
        yield* ring(alice, bob, "bob")
        yield* bob.say(`END ${id} ${code}`)
        assert.strictEqual(yield* alice.hear, `ENDED ${id} ${code}`)
        // It is over for both, and can be made again.
        yield* bob.say(`ACCEPT ${id}`, `PASS ${id} ${Stage.data()}`)
        yield* hearsNothing(bob)
        yield* hearsNothing(alice)
        yield* ring(alice, bob, "bob")
      }),
    )
  }

  promise("ends for the callee when the caller hangs up", ({ register }) =>
    Effect.gen(function* () {
      const alice = yield* register("alice", 2)
      const bob = yield* register("bob", 3)
      yield* ring(alice, bob, "bob")
      yield* alice.say(`END ${id} Cancelled`)
      assert.strictEqual(yield* bob.hear, `ENDED ${id} Cancelled`)
      yield* hearsNothing(alice)
    }),
  )

  promise("rings for 75 seconds", ({ register }) =>
    Effect.gen(function* () {
      const alice = yield* register("alice", 2)
      const bob = yield* register("bob", 3)
      yield* ring(alice, bob, "bob")
      const since = yield* elapsed
      for (let n = 0; n < 7; n++) {
        yield* Effect.sleep("10 seconds")
        yield* hearsNothing(alice)
        yield* hearsNothing(bob)
      }
      assert.strictEqual(yield* alice.hear, `ENDED ${id} No_answer`)
      assert.approximately(yield* since, ServerCalls.ringMillis, 500)
      assert.strictEqual(yield* bob.hear, `ENDED ${id} No_answer`)
    }),
  )

  /** What has been said when somebody leaves. */
  const stages: ReadonlyArray<
    readonly [string, (alice: Client, bob: Client) => Effect.Effect<void, unknown, Scope.Scope>]
  > = [
    ["while it rings", () => Effect.void],
    [
      "after M2",
      (alice, bob) =>
        Effect.gen(function* () {
          yield* bob.say(`PASS ${id} ${Stage.data()}`)
          yield* alice.hear
        }),
    ],
    [
      "when both are asked for a port",
      (alice, bob) =>
        Effect.gen(function* () {
          yield* bob.say(`ACCEPT ${id}`)
          yield* alice.hear
          yield* bob.hear
        }),
    ],
    [
      "when one has answered",
      (alice, bob) =>
        Effect.gen(function* () {
          yield* bob.say(`ACCEPT ${id}`)
          yield* alice.hear
          yield* bob.hear
          yield* bob.say(`OK ${id}`)
        }),
    ],
  ]
  for (const [when, until] of stages) {
    for (const leaver of ["caller", "callee"] as const) {
      for (const how of ["leaves", "vanishes"] as const) {
        promise(`ends with Peer_gone when the ${leaver} ${how} ${when}`, ({ register }) =>
          Effect.gen(function* () {
            const alice = yield* register("alice", 2)
            const bob = yield* register("bob", 3)
            yield* ring(alice, bob, "bob")
            yield* until(alice, bob)
            const [gone, left] = leaver === "caller" ? [alice, bob] : [bob, alice]
            yield* how === "leaves" ? gone.say("CLOSE") : gone.vanish
            assert.strictEqual(yield* left.hear, `ENDED ${id} Peer_gone`)
            yield* left.say(`OK ${id}`, `END ${id} Failed`)
            yield* hearsNothing(left)
          }),
        )
      }
    }
  }

  promise("that has started is over here when one leaves the server, and the other hears it", ({ register }) =>
    Effect.gen(function* () {
      const alice = yield* register("alice", 2)
      const bob = yield* register("bob", 3)
      yield* ring(alice, bob, "bob")
      yield* bob.say(`ACCEPT ${id}`)
      for (const client of [alice, bob]) {
        assert.strictEqual(yield* client.hear, `PORT 50001 ${id}`)
        yield* client.say(`OK ${id}`)
      }
      assert.strictEqual(yield* alice.hear, `STARTCHAT ${world.address(3)} 50001 bob ${id}`)
      assert.strictEqual(yield* bob.hear, `STARTCHAT ${world.address(2)} 50001 alice ${id}`)
      yield* alice.say("CLOSE")
      yield* alice.hearUntil("<end>")
      assert.strictEqual(yield* bob.hear, `ENDED ${id} Peer_gone`)
      yield* hearsNothing(bob)
    }),
  )

  promise("carries data for a day after the start, unless it ends", ({ register }) =>
    Effect.gen(function* () {
      const alice = yield* register("alice", 2)
      const bob = yield* register("bob", 3)
      yield* ring(alice, bob, "bob")
      yield* bob.say(`ACCEPT ${id}`, `OK ${id}`)
      yield* alice.hear
      yield* alice.say(`OK ${id}`)
      yield* alice.hear
      yield* bob.hear
      yield* bob.hear
      for (let n = 0; n < 8; n++) {
        for (let minute = 0; minute < 2; minute++) {
          yield* Effect.sleep("30 seconds")
          yield* hearsNothing(alice)
          yield* hearsNothing(bob)
        }
        yield* bob.say(`PASS ${id} ${Stage.data(n)}`)
        assert.strictEqual(yield* alice.hear, `PASS ${id} ${Stage.data(n)}`)
      }
      yield* alice.say(`END ${id} Failed`)
      assert.strictEqual(yield* bob.hear, `ENDED ${id} Failed`)
      yield* bob.say(`PASS ${id} ${Stage.data(99)}`, `END ${id} Failed`)
      yield* hearsNothing(bob)
      yield* hearsNothing(alice)
    }),
  )

  promise(`starts without a port after ${maxTries} port numbers, no two the same`, ({ register }) =>
    Effect.gen(function* () {
      const alice = yield* register("alice", 2)
      const bob = yield* register("bob", 3)
      yield* ring(alice, bob, "bob")
      yield* bob.say(`ACCEPT ${id}`)
      const asked = new Set<string>()
      for (let n = 0; n < maxTries; n++) {
        const question = yield* alice.hear
        assert.strictEqual(yield* bob.hear, question)
        asked.add(question)
        yield* (n % 2 === 0 ? alice : bob).say(`ERROR Taken ${id}`)
        yield* (n % 2 === 0 ? bob : alice).say(`OK ${id}`)
      }
      assert.strictEqual(asked.size, maxTries)
      assert.strictEqual(yield* alice.hear, `STARTCHAT 0.0.0.0 0 bob ${id}`)
      assert.strictEqual(yield* bob.hear, `STARTCHAT 0.0.0.0 0 alice ${id}`)
    }),
  )

  promise("waits five seconds for an answer about a port and starts without one", ({ register }) =>
    Effect.gen(function* () {
      const alice = yield* register("alice", 2)
      const bob = yield* register("bob", 3)
      yield* ring(alice, bob, "bob")
      yield* bob.say(`ACCEPT ${id}`)
      yield* alice.hear
      yield* bob.hear
      yield* alice.say(`OK ${id}`)
      const since = yield* elapsed
      assert.strictEqual(yield* bob.hear, `STARTCHAT 0.0.0.0 0 alice ${id}`)
      assert.approximately(yield* since, 5000, 200)
      assert.strictEqual(yield* alice.hear, `STARTCHAT 0.0.0.0 0 bob ${id}`)
      // What comes late is an answer to nothing.
      yield* bob.say(`OK ${id}`, `ERROR Relay ${id}`)
      yield* hearsNothing(bob)
      yield* hearsNothing(alice)
    }),
  )

  promise("starts without a port as soon as one side says that it wants none", ({ register }) =>
    Effect.gen(function* () {
      const alice = yield* register("alice", 2)
      const bob = yield* register("bob", 3)
      yield* ring(alice, bob, "bob")
      yield* bob.say(`ACCEPT ${id}`)
      assert.strictEqual(yield* alice.hear, `PORT 50001 ${id}`)
      assert.strictEqual(yield* bob.hear, `PORT 50001 ${id}`)
      yield* alice.say(`OK ${id}`)
      const since = yield* elapsed
      yield* bob.say(`ERROR Relay ${id}`)
      assert.strictEqual(yield* alice.hear, `STARTCHAT 0.0.0.0 0 bob ${id}`)
      assert.strictEqual(yield* bob.hear, `STARTCHAT 0.0.0.0 0 alice ${id}`)
      assert.isBelow(yield* since, 200)
      // Nobody waits for their answers any more.
      yield* Effect.sleep("10 seconds")
      yield* hearsNothing(alice)
      yield* hearsNothing(bob)
    }),
  )

  const withoutRelay: Stage.ServerOptions = { limits: { relay: undefined } }

  promise(
    "without a port comes to nothing where nothing is relayed, and both hear why",
    ({ register }) =>
      Effect.gen(function* () {
        const alice = yield* register("alice", 2)
        const bob = yield* register("bob", 3)
        for (const [answer, code] of [
          [`OK ${id}`, "No_answer"],
          [`ERROR Relay ${id}`, "Relay_refused"],
        ] as const) {
          yield* ring(alice, bob, "bob")
          yield* bob.say(`ACCEPT ${id}`)
          yield* alice.hear
          yield* bob.hear
          yield* alice.say(answer)
          assert.strictEqual(yield* bob.hear, `ENDED ${id} ${code}`)
          assert.strictEqual(yield* alice.hear, `ENDED ${id} ${code}`)
        }
      }),
    withoutRelay,
  )

  promise("crossing another is a call of its own: both ring, and the two decide", ({ register }) =>
    Effect.gen(function* () {
      const alice = yield* register("alice", 2)
      const bob = yield* register("bob", 3)
      const theirs = Stage.callId(2)
      yield* alice.say(`CHAT bob ${id} ${Stage.m1(1)}`)
      yield* bob.say(`CHAT alice ${theirs} ${Stage.m1(2)}`)
      assert.strictEqual(yield* bob.hear, `INCOMING ${id} ${Stage.idHash(alice.who)} ${Stage.m1(1)}`)
      assert.strictEqual(yield* alice.hear, `INCOMING ${theirs} ${Stage.idHash(bob.who)} ${Stage.m1(2)}`)
      yield* bob.say(`END ${theirs} Cancelled`, `ACCEPT ${id}`)
      assert.strictEqual(yield* alice.hear, `ENDED ${theirs} Cancelled`)
      assert.strictEqual(yield* alice.hear, `PORT 50001 ${id}`)
      assert.strictEqual(yield* bob.hear, `PORT 50001 ${id}`)
    }),
  )

  promise("does not keep another from going on: one person has several, each with its own answers", ({ register }) =>
    Effect.gen(function* () {
      const alice = yield* register("alice", 2)
      const bob = yield* register("bob", 3)
      const carol = yield* register("carol", 4)
      const other = Stage.callId(2)
      yield* ring(alice, bob, "bob")
      yield* ring(carol, bob, "bob", other)
      yield* bob.say(`ACCEPT ${id}`, `ACCEPT ${other}`)
      assert.deepEqual(yield* Effect.replicateEffect(bob.hear, 2), [`PORT 50001 ${id}`, `PORT 50002 ${other}`])
      yield* carol.say(`OK ${other}`)
      yield* alice.say(`OK ${id}`)
      yield* bob.say(`OK ${other}`, `ERROR Taken ${id}`)
      assert.deepEqual(yield* Effect.replicateEffect(bob.hear, 2), [
        `STARTCHAT ${world.address(4)} 50002 carol ${other}`,
        `PORT 50003 ${id}`,
      ])
      yield* bob.say(`OK ${id}`)
      assert.deepEqual(yield* Effect.replicateEffect(alice.hear, 2), [`PORT 50001 ${id}`, `PORT 50003 ${id}`])
      yield* alice.say(`OK ${id}`)
      assert.strictEqual(yield* bob.hear, `STARTCHAT ${world.address(2)} 50003 alice ${id}`)
    }),
  )

  promise("with a callId that is in use is refused, and harms the other call in nothing", ({ register }) =>
    Effect.gen(function* () {
      const alice = yield* register("alice", 2)
      const bob = yield* register("bob", 3)
      const carol = yield* register("carol", 4)
      yield* ring(alice, bob, "bob")
      yield* carol.say(`CHAT alice ${id} ${Stage.m1(2)}`)
      assert.strictEqual(yield* carol.hear, `ENDED ${id} Malformed`)
      yield* bob.say(`PASS ${id} ${Stage.data()}`)
      assert.strictEqual(yield* alice.hear, `PASS ${id} ${Stage.data()}`)
    }),
  )

  promise("of somebody who has four open, or called ten times this minute, is refused", ({ register }) =>
    Effect.gen(function* () {
      const alice = yield* register("alice", 2)
      const bob = yield* register("bob", 3)
      yield* ring(alice, bob, "bob", Stage.callId(0))
      yield* alice.say(`CHAT bob ${Stage.callId(1)} ${Stage.m1()}`)
      assert.strictEqual(yield* alice.hear, `ENDED ${Stage.callId(1)} Already_calling`)
      for (const [n, name] of ["carol", "dave", "erin", "frank"].entries()) {
        const callee = yield* register(name, 4 + n)
        if (n < 3) yield* ring(alice, callee, name, Stage.callId(n + 1))
      }
      yield* alice.say(`CHAT frank ${Stage.callId(4)} ${Stage.m1()}`)
      assert.strictEqual(yield* alice.hear, `ENDED ${Stage.callId(4)} Already_calling`)
      for (let n = 4; n < 10; n++) {
        yield* alice.say(`END ${Stage.callId(n === 4 ? 0 : n - 1)} Cancelled`)
        yield* bob.hear
        yield* ring(alice, bob, "bob", Stage.callId(n))
      }
      yield* alice.say(`END ${Stage.callId(9)} Cancelled`, `CHAT bob ${Stage.callId(10)} ${Stage.m1()}`)
      assert.strictEqual(yield* alice.hear, `ENDED ${Stage.callId(10)} Too_fast`)
    }),
  )
})
