/**
 * Hostile clients, and a hostile server, against a server that speaks `nomitm/1`: each test names the attack and says
 * what the victim did.
 */
import { assert, describe } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as NodeServerIdentity from "nomitm/adapters/node/NodeServerIdentity"
import * as Base64Field from "nomitm/domain/nomitm1/Base64Field"
import * as PassQuota from "nomitm/domain/nomitm1/PassQuota"
import * as ServerCalls from "nomitm/domain/nomitm1/ServerCalls"
import { Cryptography } from "nomitm/services/Cryptography"
import * as SecureConnection from "nomitm/services/server/SecureConnection"
import * as RawClient from "../services/server/RawClient.ts"
import { hearsNothing, promiseIn } from "../services/server/SecureScene.ts"
import * as Stage from "../services/server/SecureStage.ts"
import { identity, memoryWorld, worlds } from "../services/worlds.ts"

const otherKey = NodeServerIdentity.ofKey(NodeServerIdentity.generateKey())

describe.each(worlds)("relayed login $name", (world) => {
  const attack = promiseIn(world)
  for (const [how, tls] of [
    ["with a key of its own", otherKey],
    // Only the session differs then: as with a key that was stolen from the server.
    ["even with the server's own key", identity],
  ] as const) {
    attack(
      `by a server in the middle, ${how}: what it was told there is no proof here`,
      ({ connect, host, register }) =>
        Effect.gen(function* () {
          const evil = yield* Stage.startServer(world.address(5), host(5), { tls })
          const alice = yield* Effect.provide(RawClient.connect(evil, world.address(2)), host(2))
          const line = Stage.registerLine(yield* Stage.person("alice"), "alice", alice.secured)
          const relay = yield* connect(5)
          yield* relay.say(line, "LISTUSERS")
          assert.deepEqual(yield* Effect.replicateEffect(relay.hear, 2), [
            "ERROR Signature_invalid",
            "ERROR Not_registered",
          ])
          // It was Alice's own, and right, where it was said; and nothing of it is left here.
          yield* alice.say(line)
          assert.strictEqual(yield* alice.hear, "REGISTER alice OK")
          yield* register("alice", 3, { who: yield* Stage.person("somebody else") })
        }),
    )
  }
})

describe("a server over TLS", () => {
  const attack = promiseIn(memoryWorld)

  attack(
    "refuses a proof for this session that names another server, or for another session that names this one",
    (scene) =>
      Effect.gen(function* () {
        const who = yield* Stage.person("alice")
        const client = yield* scene.connect(2)
        const earlier = yield* scene.connect(2)
        const { exporter, serverKey } = client.secured!
        for (const proof of [
          { exporter, serverKey: otherKey.serverKey },
          { exporter: earlier.secured!.exporter, serverKey },
          { exporter: serverKey, serverKey: exporter },
          { exporter: new Uint8Array(32), serverKey },
        ]) {
          yield* client.say(Stage.registerLine(who, "alice", proof))
          assert.strictEqual(yield* client.hear, "ERROR Signature_invalid")
        }
        yield* client.say(Stage.registerLine(who, "alice", client.secured))
        assert.strictEqual(yield* client.hear, "REGISTER alice OK")
      }),
  )

  attack("registers nobody by a certificate or signature with any byte changed", ({ connect, register }) =>
    Effect.gen(function* () {
      const who = yield* Stage.person("alice")
      const flipped = (word: string, at: number): string => {
        const bytes = Base64Field.decode(word, (word.length * 3) >> 2)!
        bytes[at]! ^= 1 << (at % 8)
        return Base64Field.encode(bytes)
      }
      for (let at = 0; at < 144 + 64; at++) {
        const client = yield* connect(2)
        const [operation, name, certificate, signature] = Stage.registerLine(who, "alice", client.secured).split(" ")
        const line =
          at < 144
            ? `${operation} ${name} ${flipped(certificate!, at)} ${signature}`
            : `${operation} ${name} ${certificate} ${flipped(signature!, at - 144)}`
        yield* client.say(line)
        assert.match(yield* client.hear, /^ERROR (Certificate|Signature)_invalid$/)
        yield* client.leave
      }
      yield* register("alice", 2)
    }),
  )

  const counted = { count: 0 }
  const counting = Layer.succeed(
    Cryptography,
    Cryptography.of({
      primitives: {
        ...Stage.primitives,
        ed25519: {
          ...Stage.primitives.ed25519,
          verify: (...args) => {
            counted.count++
            return Stage.primitives.ed25519.verify(...args)
          },
        },
      },
      randomBytes: (length) => new Uint8Array(length),
    }),
  )
  attack(
    "verifies few signatures for who sends wrong ones in heaps, and sends them away",
    ({ connect }) =>
      Effect.gen(function* () {
        const client = yield* connect(2)
        const who = yield* Stage.person("alice")
        const forged = Stage.registerLine(who, "alice", { exporter: new Uint8Array(32), serverKey: new Uint8Array(32) })
        yield* client.say(...Array.from({ length: 300 }, () => forged))
        const heard = yield* client.hearUntil("<end>")
        assert.deepEqual(heard.slice(-2), ["ERROR Too_fast", "<end>"])
        assert.isAtMost(heard.length, SecureConnection.maxRefusedProofs + 2)
        assert.isAtMost(counted.count, 2 * SecureConnection.maxRefusedProofs)
      }),
    { cryptography: counting },
  )

  attack("gives nobody a name that belongs to a key, nor one that looks like it", ({ connect, register }) =>
    Effect.gen(function* () {
      const alice = yield* register("paul", 2)
      yield* alice.say("CLOSE")
      yield* alice.hearUntil("<end>")
      const mallory = yield* Stage.person("mallory")
      const answers: ReadonlyArray<readonly [string, string]> = [
        ["paul", "ERROR Name_owned paul"],
        ["Paul", "ERROR Name_invalid"],
        ["pаul", "ERROR Name_invalid"],
        ["pαul", "ERROR Name_invalid"],
        ["paul\u200b", "ERROR Name_invalid"],
        ["\u202epaul", "ERROR Name_invalid"],
        ["ｐａｕｌ\u0301\u0301\u0301\u0301", "ERROR Name_invalid"],
      ]
      const client = yield* connect(3)
      for (const [name, answer] of answers) {
        yield* client.say(Stage.registerLine(mallory, name, client.secured))
        assert.strictEqual(yield* client.hear, answer)
      }
    }),
  )

  attack("does not keep an owner out by connections that died: the newest has the name at once", ({ register }) =>
    Effect.gen(function* () {
      const bob = yield* register("bob", 3)
      let alice = yield* register("alice", 2)
      for (let n = 0; n < 20; n++) {
        const next = yield* register("alice", 2)
        assert.deepEqual(yield* Effect.replicateEffect(alice.hear, 2), ["ERROR Replaced", "<end>"])
        alice = next
      }
      yield* bob.say("LISTUSERS", `CHAT alice ${Stage.callId(1)} ${Stage.m1()}`)
      assert.deepEqual(yield* bob.hearUntil("ENDUSERS"), ["STARTUSERS", `alice ${alice.who.id}`, "ENDUSERS"])
      assert.include(yield* alice.hear, "INCOMING")
    }),
  )

  attack("lets one caller ring ten times a minute, however often they connect", ({ register }) =>
    Effect.gen(function* () {
      const bob = yield* register("bob", 3)
      const who = yield* Stage.person("mallory")
      let rings = 0
      for (let n = 0; n < 30; n++) {
        const mallory = yield* register("mallory", 2, { who })
        yield* mallory.say(`CHAT bob ${Stage.callId(n)} ${Stage.m1(n)}`)
        const [next] = yield* Effect.raceFirst(
          Effect.map(bob.hear, (line) => [line] as const),
          Effect.map(mallory.hear, (line) => [line] as const),
        )
        if (next.startsWith("INCOMING")) rings++
        else assert.strictEqual(next, `ENDED ${Stage.callId(n)} Too_fast`)
        yield* mallory.say("CLOSE")
        yield* mallory.hearUntil("<end>")
        if (next.startsWith("INCOMING")) assert.include(yield* bob.hear, "Peer_gone")
      }
      assert.strictEqual(rings, ServerCalls.maxCallsPerMinute)
    }),
  )

  attack("lets many callers have eight calls open with one person, and shows the ninth nothing", ({ register }) =>
    Effect.gen(function* () {
      const bob = yield* register("bob", 3)
      const callers = yield* Effect.forEach(
        Array.from({ length: 12 }, (_, n) => n),
        (n) => register(`m${n}`, 4),
      )
      for (const [n, caller] of callers.entries()) yield* caller.say(`CHAT bob ${Stage.callId(n)} ${Stage.m1(n)}`)
      const refused = yield* Effect.forEach(callers.slice(8), ({ hear }) => hear)
      assert.deepEqual(
        refused,
        [8, 9, 10, 11].map((n) => `ENDED ${Stage.callId(n)} Declined`),
      )
      for (let n = 0; n < 8; n++) assert.include(yield* bob.hear, `INCOMING ${Stage.callId(n)}`)
      yield* hearsNothing(bob)
      // A refusal by Bob's program looks the same.
      yield* bob.say(`END ${Stage.callId(0)} Declined`)
      assert.strictEqual(yield* callers[0]!.hear, `ENDED ${Stage.callId(0)} Declined`)
    }),
  )

  attack("passes nothing on that is said about somebody else's call, or about none", ({ register }) =>
    Effect.gen(function* () {
      const [alice, bob, mallory] = [yield* register("alice", 2), yield* register("bob", 3), yield* register("m", 4)]
      const id = Stage.callId(1)
      const meddle = mallory.say(
        ...[id, Stage.callId(2)].flatMap((call) => [
          `PASS ${call} ${Stage.data()}`,
          `ACCEPT ${call}`,
          `OK ${call}`,
          `ERROR Taken ${call}`,
          `END ${call} Declined`,
        ]),
      )
      const nothingCame = Effect.gen(function* () {
        yield* meddle
        for (const client of [mallory, alice, bob]) yield* hearsNothing(client)
      })
      yield* alice.say(`CHAT bob ${id} ${Stage.m1()}`)
      yield* bob.hear
      yield* nothingCame
      yield* bob.say(`PASS ${id} ${Stage.data()}`)
      yield* alice.hear
      yield* nothingCame
      yield* bob.say(`ACCEPT ${id}`)
      for (const client of [alice, bob]) assert.strictEqual(yield* client.hear, `PORT 50001 ${id}`)
      yield* nothingCame
      for (const client of [alice, bob]) yield* client.say(`OK ${id}`)
      for (const client of [alice, bob]) assert.include(yield* client.hear, "STARTCHAT")
      yield* nothingCame
    }),
  )

  attack("takes nobody's callId away: a second call with it is refused, and learns nothing", ({ register }) =>
    Effect.gen(function* () {
      const [alice, bob, mallory] = [yield* register("alice", 2), yield* register("bob", 3), yield* register("m", 4)]
      const id = Stage.callId(1)
      yield* alice.say(`CHAT bob ${id} ${Stage.m1()}`)
      yield* bob.hear
      yield* mallory.say(`CHAT bob ${id} ${Stage.m1(2)}`)
      assert.strictEqual(yield* mallory.hear, `ENDED ${id} Malformed`)
      yield* bob.say(`PASS ${id} ${Stage.data()}`)
      assert.strictEqual(yield* alice.hear, `PASS ${id} ${Stage.data()}`)
      yield* hearsNothing(mallory)
    }),
  )

  attack("carries a bounded flood only, and none before the callee has answered", ({ register }) =>
    Effect.gen(function* () {
      const [alice, bob] = [yield* register("alice", 2), yield* register("bob", 3)]
      const id = Stage.callId(1)
      const flood = alice.say(...Array.from({ length: 100 }, (_, n) => `PASS ${id} ${Stage.data(n, 2250)}`))
      yield* alice.say(`CHAT bob ${id} ${Stage.m1()}`)
      assert.include(yield* bob.hear, "INCOMING")
      yield* flood
      yield* hearsNothing(bob)
      yield* hearsNothing(alice)
      yield* bob.say(`PASS ${id} ${Stage.data()}`)
      yield* alice.hear
      yield* flood
      const heard = yield* bob.hearUntil(`ENDED ${id} Too_fast`)
      assert.isAtMost(heard.join("\n").length, (PassQuota.bytes.burst * 4) / 3 + 64 * 40)
      yield* hearsNothing(bob)
      assert.strictEqual(yield* alice.hear, `ENDED ${id} Too_fast`)
    }),
  )

  attack("hands on what the two say to each other as it is, whatever it is", ({ register }) =>
    Effect.gen(function* () {
      const [alice, bob] = [yield* register("alice", 2), yield* register("bob", 3)]
      const id = Stage.callId(1)
      yield* alice.say(`CHAT bob ${id} ${Stage.m1()}`)
      assert.strictEqual(yield* bob.hear, `INCOMING ${id} ${Stage.idHash(alice.who)} ${Stage.m1()}`)
      for (const length of [1, 2, 3, 79, 80, 1480, 2250]) {
        for (const [from, to] of [
          [bob, alice],
          [alice, bob],
        ] as const) {
          yield* from.say(`PASS ${id} ${Stage.data(length, length)}`)
          assert.strictEqual(yield* to.hear, `PASS ${id} ${Stage.data(length, length)}`)
        }
      }
    }),
  )

  attack("takes no field that is longer than it can be, and goes on", ({ connect, register }) =>
    Effect.gen(function* () {
      yield* register("bob", 3)
      const alice = yield* connect(2)
      const who = yield* Stage.person("alice")
      const [long, id] = ["A".repeat(3900), Stage.callId(1)]
      const own = Stage.registerLine(who, "alice", alice.secured)
      for (const [line, answer] of [
        [own.replace("alice", "a".repeat(33)), "ERROR Name_invalid"],
        [own.replace("alice", "a".repeat(3500)), "ERROR Name_invalid"],
        [`REGISTER alice ${long} x`, "ERROR Malformed"],
        [`REGISTER alice x ${long}`, "ERROR Malformed"],
        [`HELLO ${long}`, "ERROR Malformed"],
        [own, "REGISTER alice OK"],
        [`LOOKUP ${long}`, "ERROR Name_invalid"],
        [`CHAT ${"a".repeat(1500)} ${id} ${Stage.m1()}`, `ENDED ${id} Name_invalid`],
        [`CHAT bob ${long} ${id}`, "ERROR Malformed"],
        [`CHAT bob ${id} ${long}`, `ENDED ${id} Malformed`],
        [`PASS ${id} ${long}`, "ERROR Malformed"],
        [`PASS ${long} x`, "ERROR Malformed"],
        [`END ${id} ${long}`, "ERROR Malformed"],
        [`ACCEPT ${long}`, "ERROR Malformed"],
        [long + long, "ERROR Too_long"],
      ] as const) {
        yield* alice.say(line)
        assert.strictEqual(yield* alice.hear, answer, line.slice(0, 30))
      }
    }),
  )

  attack(
    "shows plaintext nothing of those over TLS, nor them anything of plaintext",
    ({ register, connectInPlaintext }) =>
      Effect.gen(function* () {
        const alice = yield* register("alice", 2)
        const spy = yield* connectInPlaintext(3)
        const attempts: ReadonlyArray<readonly [string, string]> = [
          ["REGISTER alice", "ERROR User_exists alice"],
          ["REGISTER ALICE", "ERROR User_exists ALICE"],
          ["REGISTER spy", "REGISTER spy OK"],
          ["CHAT alice", "ERROR User_not_online alice"],
          ["LOOKUP alice", "ERROR Operation_unknown"],
          [`PASS ${Stage.callId(1)} ${Stage.data()}`, "ERROR Operation_unknown"],
          ["LISTUSERS", "STARTUSERS"],
        ]
        for (const [line, answer] of attempts) {
          yield* spy.say(line)
          assert.strictEqual(yield* spy.hear, answer)
        }
        assert.strictEqual(yield* spy.hear, "ENDUSERS")
        yield* alice.say("LISTUSERS", "LOOKUP spy")
        assert.deepEqual(yield* Effect.replicateEffect(alice.hear, 3), [
          "STARTUSERS",
          "ENDUSERS",
          "ERROR User_not_online spy",
        ])
        yield* hearsNothing(alice)
      }),
    { plaintext: true },
  )
})
