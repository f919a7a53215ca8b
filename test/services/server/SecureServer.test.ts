/**
 * A server over TLS: names, keys, and who is online. (Calls: `SecureServer.calls.test.ts`.)
 */
import { assert, describe } from "@effect/vitest"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Layer, type Scope } from "effect"
import * as SqliteNameStore from "nomitm/adapters/node/SqliteNameStore"
import * as Certificate from "nomitm/domain/identity/Certificate"
import * as Base64Field from "nomitm/domain/nomitm1/Base64Field"
import type { ServerEvent } from "nomitm/domain/ServerEvent"
import { NameStore, NameStoreError } from "nomitm/services/NameStore"
import { RendezvousTransport } from "nomitm/services/RendezvousTransport"
import * as RawClient from "./RawClient.ts"
import { hearsNothing, promiseIn } from "./SecureScene.ts"
import * as Stage from "./SecureStage.ts"
import { memoryWorld, nodeWorld, worlds } from "../worlds.ts"

describe.each(worlds)("a server over TLS $name", (world) => {
  const promise = promiseIn(world)

  promise("greets, registers a proven key, lists the others with their ids, and says goodbye", (people) =>
    Effect.gen(function* () {
      const alice = yield* people.connect(2)
      const who = yield* Stage.person("alice")
      yield* alice.say("HELLO nomitm/1", Stage.registerLine(who, "alice", alice.secured), "LISTUSERS")
      assert.deepEqual(yield* alice.hearUntil("ENDUSERS"), [
        "HELLO nomitm/1",
        "REGISTER alice OK",
        "STARTUSERS",
        "ENDUSERS",
      ])
      const zoë = yield* people.register("zoë", 3)
      const bob = yield* people.register("bob", 4)
      yield* people.register("carol", 5, { unlisted: true })
      yield* alice.say("LISTUSERS")
      const ids = [`zoë ${zoë.who.id}`, `bob ${bob.who.id}`]
      assert.deepEqual(yield* alice.hearUntil("ENDUSERS"), ["STARTUSERS", ...ids, "ENDUSERS"])
      yield* alice.say("PING", "CLOSE")
      assert.deepEqual(yield* Effect.replicateEffect(alice.hear, 3), ["PONG", "CLOSE", "<end>"])
    }),
  )

  promise("tells who it is about by name and by id, unlisted too", ({ register }) =>
    Effect.gen(function* () {
      const alice = yield* register("alice", 2)
      const bob = yield* register("bob", 3, { unlisted: true })
      const found = `USER bob ${Stage.certificateOf(bob.who)}`
      yield* alice.say(
        "LOOKUP bob",
        `LOOKUP ${bob.who.id}`,
        "LOOKUP carol",
        `LOOKUP ${Base64Field.encode(new Uint8Array(32))}`,
      )
      assert.deepEqual(yield* Effect.replicateEffect(alice.hear, 4), [
        found,
        found,
        "ERROR User_not_online carol",
        `ERROR User_not_online ${Base64Field.encode(new Uint8Array(32))}`,
      ])
    }),
  )

  promise("a call goes from ringing to a port that both have free", ({ register }) =>
    Effect.gen(function* () {
      const alice = yield* register("alice", 2)
      const bob = yield* register("bob", 3)
      const id = Stage.callId(1)
      yield* alice.say(`CHAT bob ${id} ${Stage.m1()}`)
      assert.strictEqual(yield* bob.hear, `INCOMING ${id} ${Stage.idHash(alice.who)} ${Stage.m1()}`)
      yield* bob.say(`PASS ${id} ${Stage.data(1, 1480)}`)
      assert.strictEqual(yield* alice.hear, `PASS ${id} ${Stage.data(1, 1480)}`)
      yield* alice.say(`PASS ${id} ${Stage.data(2)}`)
      assert.strictEqual(yield* bob.hear, `PASS ${id} ${Stage.data(2)}`)
      yield* bob.say(`PASS ${id} ${Stage.data(3)}`, `ACCEPT ${id}`)
      assert.strictEqual(yield* alice.hear, `PASS ${id} ${Stage.data(3)}`)
      for (const [port, answer] of [
        [50_001, `ERROR Taken ${id}`],
        [50_002, `OK ${id}`],
      ] as const) {
        assert.strictEqual(yield* alice.hear, `PORT ${port} ${id}`)
        assert.strictEqual(yield* bob.hear, `PORT ${port} ${id}`)
        yield* alice.say(`OK ${id}`)
        yield* bob.say(answer)
      }
      assert.strictEqual(yield* alice.hear, `STARTCHAT ${world.address(3)} 50002 bob ${id}`)
      assert.strictEqual(yield* bob.hear, `STARTCHAT ${world.address(2)} 50002 alice ${id}`)
    }),
  )

  promise("plaintext is refused with one word, whatever it says first", ({ connectInPlaintext }) =>
    Effect.gen(function* () {
      for (const line of ["HELLO", "REGISTER mallory", "GET / HTTP/1.1"]) {
        const client = yield* connectInPlaintext(2)
        yield* client.say(line, "LISTUSERS")
        assert.deepEqual(yield* Effect.replicateEffect(client.hear, 2), ["ERROR Tls_required", "<end>"])
      }
    }),
  )
})

describe("a server over TLS", () => {
  const promise = promiseIn(memoryWorld)

  promise("refuses with a code word and goes on", ({ connect, register }) =>
    Effect.gen(function* () {
      const bob = yield* register("bob", 3)
      const alice = yield* connect(2)
      const id = Stage.callId(1)
      const before: ReadonlyArray<readonly [string, string]> = [
        ["hello", "ERROR Operation_unknown"],
        ["", "ERROR Operation_unknown"],
        ["HELLO nomitm/2", "ERROR Malformed"],
        ["LISTUSERS", "ERROR Not_registered"],
        ["LOOKUP bob", "ERROR Not_registered"],
        ["LOOKUP", "ERROR Not_registered"],
        ["RELEASE", "ERROR Not_registered"],
        [`CHAT bob ${id} ${Stage.m1()}`, "ERROR Not_registered"],
        ["CHAT", "ERROR Not_registered"],
        [`PASS ${id} ${Stage.data()}`, "ERROR Operation_unknown"],
        [`ACCEPT ${id}`, "ERROR Operation_unknown"],
        [`END ${id} Declined`, "ERROR Operation_unknown"],
        [`OK ${id}`, "ERROR Operation_unknown"],
        ["ERROR", "ERROR Operation_unknown"],
        ["REGISTER alice", "ERROR Malformed"],
        ["REGISTER", "ERROR Malformed"],
        ["x".repeat(5000), "ERROR Too_long"],
      ]
      for (const [line, answer] of before) {
        yield* alice.say(line)
        assert.strictEqual(yield* alice.hear, answer, line.slice(0, 40))
      }
      const who = yield* Stage.person("alice")
      yield* alice.say(Stage.registerLine(who, "alice", alice.secured))
      assert.strictEqual(yield* alice.hear, "REGISTER alice OK")
      const after: ReadonlyArray<readonly [string, string]> = [
        [Stage.registerLine(who, "alice", alice.secured), "ERROR Already_auth"],
        [Stage.registerLine(who, "other", alice.secured), "ERROR Already_auth"],
        ["REGISTER", "ERROR Already_auth"],
        ["LOOKUP", "ERROR Malformed"],
        ["LOOKUP Bob", "ERROR Name_invalid"],
        ["CHAT bob", "ERROR Malformed"],
        [`CHAT bob ${id}`, `ENDED ${id} Malformed`],
        [`CHAT bob ${id} ${Stage.data()}`, `ENDED ${id} Malformed`],
        [`CHAT Bob ${id} ${Stage.m1()}`, `ENDED ${id} Name_invalid`],
        [`CHAT carol ${id} ${Stage.m1()}`, `ENDED ${id} User_not_online`],
        [`CHAT alice ${id} ${Stage.m1()}`, `ENDED ${id} Self_call`],
        [`CHAT ${who.id} ${id} ${Stage.m1()}`, `ENDED ${id} Self_call`],
        ["PASS", "ERROR Malformed"],
        [`END ${id} Busy`, "ERROR Malformed"],
        ["OK", "ERROR Malformed"],
        ["ERROR Busy", "ERROR Malformed"],
      ]
      for (const [line, answer] of after) {
        yield* alice.say(line)
        assert.strictEqual(yield* alice.hear, answer, line.slice(0, 40))
      }
      yield* hearsNothing(bob)
    }),
  )

  promise("registers nobody whose name, certificate, or signature is not right", ({ connect, register }) =>
    Effect.gen(function* () {
      yield* register("taken", 3)
      const who = yield* Stage.person("alice")
      const other = yield* Stage.person("other")
      const bend = (line: string, word: number): string => {
        const words = line.split(" ")
        const bytes = Base64Field.encode(Stage.bytesOf("x", (words[word]!.length * 3) >> 2))
        return words.map((w, n) => (n === word ? bytes : w)).join(" ")
      }
      const cases: ReadonlyArray<readonly [string, (line: string, own: (name: string) => string) => string]> = [
        ["ERROR Name_invalid", (line) => line.replace("alice", "Alice")],
        ["ERROR Name_invalid", (line) => line.replace("alice", "аlice")],
        ["ERROR Certificate_invalid", (line) => bend(line, 2)],
        ["ERROR Signature_invalid", (line) => bend(line, 3)],
        // The signature of this very connection, for another name.
        ["ERROR Signature_invalid", (_, own) => own("alicia").replace("alicia", "alice")],
        // Somebody else's certificate, which anybody can look up.
        ["ERROR Signature_invalid", (line) => line.replace(Stage.certificateOf(who), Stage.certificateOf(other))],
        ["ERROR Name_owned taken", (_, own) => own("taken")],
      ]
      for (const [code, change] of cases) {
        const alice = yield* connect(2)
        const own = (name: string) => Stage.registerLine(who, name, alice.secured)
        yield* alice.say(change(own("alice"), own), "LISTUSERS")
        assert.deepEqual(yield* Effect.replicateEffect(alice.hear, 2), [code, "ERROR Not_registered"])
      }
      yield* register("alice", 2)
    }),
  )

  promise("takes no certificate that has expired, is not valid yet, for too long, or older than one seen", (people) =>
    Effect.gen(function* () {
      yield* Effect.sleep("100 seconds")
      const now = 100
      const who = yield* Stage.person("alice")
      const seed = Stage.bytesOf("alice", 32)
      const year = 365 * 86_400
      const attempt = Effect.fnUntraced(function* (serial: number, expiry: number) {
        const alice = yield* people.connect(2)
        const staticKey = who.certificate.staticKey
        const certificate = Certificate.make(Stage.primitives, { seed, staticKey, serial, expiry })
        yield* alice.say(Stage.registerLine({ ...who, certificate }, "alice", alice.secured))
        const answer = yield* alice.hear
        yield* alice.leave
        return answer
      })
      assert.strictEqual(yield* attempt(now - 10, now - 1), "ERROR Certificate_invalid")
      assert.strictEqual(yield* attempt(now + 2 * 86_400, now + year), "ERROR Certificate_invalid")
      assert.strictEqual(yield* attempt(now - 10, now + 401 * 86_400), "ERROR Certificate_invalid")
      assert.strictEqual(yield* attempt(now - 10, now + year), "REGISTER alice OK")
      assert.strictEqual(yield* attempt(now - 11, now + year), "ERROR Certificate_invalid")
      assert.strictEqual(yield* attempt(now - 10, now + year), "REGISTER alice OK")
      assert.strictEqual(yield* attempt(now - 9, now + year), "REGISTER alice OK")
      assert.strictEqual(yield* attempt(now - 10, now + year), "ERROR Certificate_invalid")
    }),
  )

  promise("lets a key have eight names, one on each connection", ({ connect, register }) =>
    Effect.gen(function* () {
      const who = yield* Stage.person("alice")
      for (let n = 1; n <= 8; n++) yield* register(`alice${n}`, 2, { who })
      const ninth = yield* connect(2)
      yield* ninth.say(Stage.registerLine(who, "alice9", ninth.secured))
      assert.strictEqual(yield* ninth.hear, "ERROR Too_many_names")
      // Who is called by id is whoever came last.
      const bob = yield* register("bob", 3)
      yield* bob.say(`LOOKUP ${who.id}`)
      assert.strictEqual(yield* bob.hear, `USER alice8 ${Stage.certificateOf(who)}`)
    }),
  )

  promise("keeps a name for its key when nobody is online with it, until it is given up", ({ connect, register }) =>
    Effect.gen(function* () {
      const alice = yield* register("alice", 2)
      yield* alice.say("CLOSE")
      yield* alice.hearUntil("<end>")
      const mallory = yield* Stage.person("mallory")
      const claim = Effect.gen(function* () {
        const client = yield* connect(3)
        yield* client.say(Stage.registerLine(mallory, "alice", client.secured))
        return yield* client.hear
      })
      assert.strictEqual(yield* claim, "ERROR Name_owned alice")
      const again = yield* register("alice", 2)
      assert.strictEqual(yield* claim, "ERROR Name_owned alice")
      yield* again.say("RELEASE", "LISTUSERS")
      assert.deepEqual(yield* Effect.replicateEffect(again.hear, 2), ["RELEASE alice OK", "ERROR Not_registered"])
      // The connection may take another name, or the same.
      yield* again.say(Stage.registerLine(again.who, "alicia", again.secured))
      assert.strictEqual(yield* again.hear, "REGISTER alicia OK")
      assert.strictEqual(yield* claim, "REGISTER alice OK")
    }),
  )

  promise(
    "gives out a bounded number of names to an address: they are kept for a year",
    ({ connect, register }) =>
      Effect.gen(function* () {
        for (const name of ["a", "b", "c"]) yield* register(name, 2)
        const fourth = yield* connect(2)
        const line = Stage.registerLine(yield* Stage.person("d"), "d", fourth.secured)
        yield* fourth.say(line)
        assert.strictEqual(yield* fourth.hear, "ERROR Unavailable")
        // Names that are there already are not counted, nor are other addresses.
        yield* register("a", 2)
        yield* register("e", 3)
        for (let n = 0; n < 5; n++) {
          yield* hearsNothing(fourth)
          yield* Effect.sleep("11 seconds")
        }
        yield* fourth.say(line)
        assert.strictEqual(yield* fourth.hear, "ERROR Unavailable")
        const later = yield* connect(2)
        yield* Effect.sleep("6 seconds")
        yield* later.say(Stage.registerLine(yield* Stage.person("d"), "d", later.secured))
        assert.strictEqual(yield* later.hear, "REGISTER d OK")
      }),
    { limits: { newNames: { burst: 3, perSecond: 1 / 60 } } },
  )

  promise("sends away who gave the name up and takes no other", ({ register }) =>
    Effect.gen(function* () {
      const alice = yield* register("alice", 2)
      yield* alice.say("RELEASE")
      assert.strictEqual(yield* alice.hear, "RELEASE alice OK")
      for (let n = 0; n < 4; n++) {
        yield* Effect.sleep("14 seconds")
        yield* hearsNothing(alice)
      }
      yield* Effect.sleep("14 seconds")
      assert.deepEqual(yield* Effect.replicateEffect(alice.hear, 2), ["ERROR Idle", "<end>"])
    }),
  )

  promise("replaces a connection at once when the same key registers the same name again", ({ register }) =>
    Effect.gen(function* () {
      const bob = yield* register("bob", 3)
      const before = yield* register("alice", 2)
      const id = Stage.callId(1)
      yield* before.say(`CHAT bob ${id} ${Stage.m1()}`)
      yield* bob.hear
      const after = yield* register("alice", 4)
      assert.deepEqual(yield* Effect.replicateEffect(before.hear, 2), ["ERROR Replaced", "<end>"])
      assert.strictEqual(yield* bob.hear, `ENDED ${id} Peer_gone`)
      yield* bob.say(`CHAT alice ${Stage.callId(2)} ${Stage.m1()}`, "LISTUSERS")
      assert.deepEqual(yield* bob.hearUntil("ENDUSERS"), ["STARTUSERS", `alice ${after.who.id}`, "ENDUSERS"])
      assert.strictEqual(yield* after.hear, `INCOMING ${Stage.callId(2)} ${Stage.idHash(bob.who)} ${Stage.m1()}`)
    }),
  )

  const seen: Array<ServerEvent> = []
  promise(
    "reports who comes and goes, and the address to pass on",
    (people) =>
      Effect.gen(function* () {
        const alice = yield* people.register("alice", 2)
        const again = yield* people.register("alice", 2)
        yield* alice.hearUntil("<end>")
        yield* again.say("CLOSE")
        yield* again.hearUntil("<end>")
        yield* Effect.sleep("1 second")
        const { host, port, url } = people.server
        assert.match(url!, /^nomitm:\/\/198\.51\.100\.1:[0-9]+#[A-Za-z0-9_-]{43}$/)
        assert.deepStrictEqual(seen[0], { event: "listening", host, port, url: url! })
        assert.deepStrictEqual(
          seen.slice(1).map(({ event }) => event),
          ["registered", "left", "registered", "left"],
        )
        const [, registered] = seen
        assert.match(
          registered?.event === "registered" ? registered.fingerprint! : "",
          /^([a-z2-7]{4}-){7}[a-z2-7]{4}$/,
        )
      }),
    { observe: (event) => seen.push(event) },
  )

  const store = Layer.succeed(NameStore, Effect.runSync(Effect.provide(NameStore, NameStore.layerMemory)))
  promise(
    "knows whose the names are after a restart",
    (people) =>
      Effect.gen(function* () {
        yield* people.register("alice", 2)
        yield* people.stop
        const server = yield* Stage.startServer(memoryWorld.address(1), people.host(1), {
          names: store,
          port: people.server.port,
        })
        const mallory = yield* Effect.provide(RawClient.connect(server, memoryWorld.address(3)), people.host(3))
        yield* mallory.say(Stage.registerLine(yield* Stage.person("mallory"), "alice", mallory.secured))
        assert.strictEqual(yield* mallory.hear, "ERROR Name_owned alice")
        yield* people.register("alice", 2)
      }),
    { names: store },
  )

  nodeWorld.test("knows them on disk too, over sockets", (host) =>
    Effect.gen(function* () {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => Fs.mkdtempSync(join(tmpdir(), "nomitm-names-"))),
        (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true })),
      )
      const run = (program: (server: RawClient.Server) => Effect.Effect<void, unknown, Scope.Scope>) =>
        Effect.scoped(
          Effect.flatMap(
            Stage.startServer("127.0.0.1", host(1), { names: Layer.orDie(SqliteNameStore.layer(folder)) }),
            program,
          ),
        )
      yield* run((server) => Effect.provide(Stage.register(server, "alice"), host(2)).pipe(Effect.asVoid))
      yield* run((server) =>
        Effect.gen(function* () {
          const mallory = yield* RawClient.connect(server)
          yield* mallory.say(Stage.registerLine(yield* Stage.person("mallory"), "alice", mallory.secured))
          assert.strictEqual(yield* mallory.hear, "ERROR Name_owned alice")
          yield* Stage.register(server, "alice")
        }).pipe(Effect.provide(host(2))),
      )
    }),
  )

  const broken = NameStore.of({
    claim: () => Effect.fail(new NameStoreError({ reason: "Io", message: "The disk is full.", hint: "Empty it." })),
    touch: () => Effect.void,
    release: () => Effect.succeed(false),
    owner: () => Effect.succeedNone,
    highestSerial: () => Effect.succeedNone,
  })
  promise(
    "says so when names can't be kept, and goes on",
    ({ connect }) =>
      Effect.gen(function* () {
        const alice = yield* connect(2)
        yield* alice.say(Stage.registerLine(yield* Stage.person("alice"), "alice", alice.secured), "PING")
        assert.deepEqual(yield* Effect.replicateEffect(alice.hear, 2), ["ERROR Unavailable", "PONG"])
      }),
    { names: Layer.succeed(NameStore, broken) },
  )

  promise("notices within 45 seconds that a client is not there any more", ({ register }) =>
    Effect.gen(function* () {
      const bob = yield* register("bob", 3)
      const alice = yield* register("alice", 2)
      for (let n = 0; n < 3; n++) {
        yield* Effect.sleep("14 seconds")
        yield* hearsNothing(bob)
        yield* hearsNothing(alice)
      }
      for (let n = 0; n < 4; n++) {
        yield* Effect.sleep("11 seconds")
        yield* hearsNothing(bob)
      }
      yield* bob.say("LOOKUP alice")
      assert.strictEqual(yield* bob.hear, `USER alice ${Stage.certificateOf(alice.who)}`)
      yield* Effect.sleep("1100 millis")
      yield* bob.say("LOOKUP alice")
      assert.strictEqual(yield* bob.hear, "ERROR User_not_online alice")
      assert.strictEqual(yield* alice.hear, "<end>")
    }),
  )

  promise("sends a connection without a name away, and one that says nothing at all", ({ connect }) =>
    Effect.gen(function* () {
      const talker = yield* connect(2)
      const silent = yield* connect(3)
      for (let n = 0; n < 5; n++) {
        yield* hearsNothing(talker)
        yield* Effect.sleep("11 seconds")
      }
      assert.strictEqual(yield* silent.hear, "<end>")
      yield* Effect.sleep("6 seconds")
      assert.deepEqual(yield* Effect.replicateEffect(talker.hear, 2), ["ERROR Idle", "<end>"])
    }),
  )

  promise("tells everybody when it stops", ({ connect, register, stop }) =>
    Effect.gen(function* () {
      const alice = yield* register("alice", 2)
      const guest = yield* connect(3)
      yield* Effect.forkChild(stop)
      for (const client of [alice, guest]) {
        assert.deepEqual(yield* Effect.replicateEffect(client.hear, 2), ["ERROR Shutting_down", "<end>"])
      }
    }),
  )

  promise("keeps a plaintext connection for a bounded time only, if it says nothing", ({ host, server }) =>
    Effect.gen(function* () {
      const { connect } = yield* Effect.provide(RendezvousTransport, host(2))
      const connection = yield* connect({ host: server.host, port: server.port })
      connection.send("HELL")
      yield* Effect.sleep("20 seconds")
      const text = new TextDecoder().decode(yield* connection.receive)
      assert.strictEqual(text, "ERROR Tls_required\n")
      assert.strictEqual((yield* Effect.flip(connection.receive))._tag, "ConnectionClosed")
    }),
  )

  promise(
    "serves plaintext beside TLS if it is to: neither sees the other",
    (people) =>
      Effect.gen(function* () {
        const alice = yield* people.register("alice", 2)
        const bob = yield* people.connectInPlaintext(3)
        yield* bob.say("HELLO", "REGISTER bob", "LISTUSERS", "CHAT alice")
        assert.deepEqual(yield* Effect.replicateEffect(bob.hear, 5), [
          "HELLO",
          "REGISTER bob OK",
          "STARTUSERS",
          "ENDUSERS",
          "ERROR User_not_online alice",
        ])
        yield* alice.say("LISTUSERS", "LOOKUP bob", `CHAT bob ${Stage.callId(1)} ${Stage.m1()}`)
        assert.deepEqual(yield* Effect.replicateEffect(alice.hear, 4), [
          "STARTUSERS",
          "ENDUSERS",
          "ERROR User_not_online bob",
          `ENDED ${Stage.callId(1)} User_not_online`,
        ])
      }),
    { plaintext: true },
  )

  promise(
    "gives no name that belongs to a key to plaintext, in whatever letters",
    (people) =>
      Effect.gen(function* () {
        const alice = yield* people.register("zoë", 2)
        yield* alice.say("CLOSE")
        yield* alice.hearUntil("<end>")
        const bob = yield* people.connectInPlaintext(3)
        yield* bob.say("REGISTER zoë", "REGISTER Zoë", "REGISTER ZOE\u0308", "REGISTER zoe")
        assert.deepEqual(yield* Effect.replicateEffect(bob.hear, 4), [
          "ERROR User_exists zoë",
          "ERROR User_exists Zoë",
          "ERROR User_exists ZOE\u0308",
          "REGISTER zoe OK",
        ])
      }),
    { plaintext: true },
  )
})
