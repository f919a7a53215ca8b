/**
 * How a new client gets on with the original server (SPEC section 7), as far as no recording shows it. That it gets
 * through the race is in `race.test.ts`.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import { MemoryNetwork } from "../../src/adapters/memory/MemoryNetwork.ts"
import * as MemoryScreen from "../../src/adapters/memory/MemoryScreen.ts"
import * as Username from "../../src/domain/Username.ts"
import { ChatSession } from "../../src/services/chat/ChatSession.ts"
import { Peer } from "../../src/services/peer/Peer.ts"
import { RendezvousClient } from "../../src/services/link/RendezvousClient.ts"
import * as RawClient from "../services/server/RawClient.ts"
import { inVirtualTime } from "../virtualTime.ts"
import * as OriginalServer from "./OriginalServer.ts"
import * as RawServer from "./RawServer.ts"

const addresses = { server: "198.51.100.1", ours: "198.51.100.2", other: "198.51.100.3" }
const alice = Username.Username.make("alice")
const bob = Username.Username.make("bob")
const carol = Username.Username.make("carol")

const hosts = Effect.gen(function* () {
  const network = yield* MemoryNetwork.make({ link: { latencyMillis: 3 } })
  return {
    server: yield* network.host({ address: addresses.server }),
    ours: yield* network.host({ address: addresses.ours }),
    other: yield* network.host({ address: addresses.other }),
  }
})

/** Our client, alice, registered at a server that says what a test wants it to. */
const setUp = Effect.gen(function* () {
  const { server: host, ours } = yield* hosts
  const server = yield* Effect.provide(RawServer.make(addresses.server), host.layer)
  const welcome = yield* Effect.forkChild(server.welcome, { startImmediately: true })
  const link = yield* Effect.flatMap(RendezvousClient, (client) =>
    client.connect({
      server: { host: addresses.server, port: server.port },
      name: alice,
      dialect: "original",
      available: () => true,
    }),
  ).pipe(Effect.provide(RendezvousClient.layer.pipe(Layer.provide(ours.layer))))
  yield* Fiber.join(welcome)
  return { server, link, ours }
})

describe("SPEC 7.1: answers to PORT", () => {
  it.effect("a requester answers once, whatever is called unknown: a second answer would settle the next port", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const { server, link } = yield* setUp
        const call = yield* Effect.forkChild(link.call(bob), { startImmediately: true })
        assert.strictEqual(yield* server.hear, "CHAT bob")
        yield* server.say("OK", "PORT 40001", "ERROR Operation_unknown", "ERROR Operation_unknown")
        yield* Effect.sleep(1000)
        assert.deepStrictEqual(yield* server.heard, ["OK"])
        yield* server.say("PORT 40002", "ERROR Operation_unknown", "STARTCHAT 198.51.100.3 40002 bob")
        const { socket } = yield* Fiber.join(call)
        assert.strictEqual(socket.local.port, 40_002)
        yield* Effect.sleep(1000)
        assert.deepStrictEqual(yield* server.heard, ["OK"])
      }),
    ),
  )

  it.effect("the called side repeats its answer, OK or ERROR, 2 ms or more after it was called unknown", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const { server, ours } = yield* setUp
        yield* ours.peerTransport.bind({ port: 40_001 })
        for (const [port, answer] of [
          [40_001, "ERROR"],
          [40_002, "OK"],
        ]) {
          yield* server.say(`PORT ${port}`)
          for (let i = 0; i < 5; i++) {
            assert.strictEqual(yield* server.hear, answer)
            yield* server.say("ERROR Operation_unknown")
            // Twice the latency, and the pause.
            yield* Effect.sleep(7)
            assert.deepStrictEqual(yield* server.heard, [])
          }
          assert.strictEqual(yield* server.hear, answer)
        }
      }),
    ),
  )

  it.effect("no answer is repeated after STARTCHAT, after another PORT, or for more than some seconds", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const { server, link } = yield* setUp
        yield* server.say("PORT 40001", "ERROR Operation_unknown", "PORT 40002")
        yield* Effect.sleep(1000)
        assert.deepStrictEqual(yield* server.heard, ["OK", "OK"], "one for each port")
        yield* Effect.sleep(6000)
        yield* server.say("ERROR Operation_unknown")
        yield* Effect.sleep(1000)
        assert.deepStrictEqual(yield* server.heard, [])
        yield* server.say("PORT 40003", "STARTCHAT 198.51.100.3 40003 bob", "ERROR Operation_unknown")
        yield* link.incoming
        yield* Effect.sleep(1000)
        assert.deepStrictEqual(yield* server.heard, ["OK"])
      }),
    ),
  )
})

describe("SPEC 7.2: between CHAT or PORT and STARTCHAT", () => {
  it.effect("nothing but answers is sent: a list that is asked for meanwhile waits", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const { server, link } = yield* setUp
        const call = yield* Effect.forkChild(link.call(bob), { startImmediately: true })
        const users = yield* Effect.forkChild(link.users, { startImmediately: true })
        yield* Effect.sleep(500)
        yield* server.say("OK", "PORT 40001")
        yield* Effect.sleep(2000)
        assert.deepStrictEqual(yield* server.heard, ["CHAT bob", "OK"])
        yield* server.say("STARTCHAT 198.51.100.3 40001 bob")
        yield* Fiber.join(call)
        assert.strictEqual(yield* server.hear, "LISTUSERS")
        yield* server.say("STARTUSERS", "bob", "ENDUSERS")
        assert.deepStrictEqual(yield* Fiber.join(users), [bob])
      }),
    ),
  )

  it.effect("stray lines change nothing: OK, unknown operations, words of nobody", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const { server, link } = yield* setUp
        const stray = [
          "OK",
          "ERROR Operation_unknown",
          "",
          "NOTICE",
          "HELLO",
          "PORT",
          "PORT x",
          "STARTCHAT",
          "ENDUSERS",
        ]
        yield* server.say(...stray)
        const call = yield* Effect.forkChild(link.call(bob), { startImmediately: true })
        assert.strictEqual(yield* server.hear, "CHAT bob")
        yield* server.say("OK", ...stray, "PORT 40001", ...stray, "STARTCHAT 198.51.100.3 40001 bob")
        const { peer, remote } = yield* Fiber.join(call)
        assert.deepStrictEqual(peer, Option.some(bob))
        assert.deepStrictEqual(remote, { address: addresses.other, port: 40_001 })
        yield* Effect.sleep(1000)
        assert.deepStrictEqual(yield* server.heard, ["OK"])
      }),
    ),
  )

  it.effect("STARTCHAT comes for an unknown caller, for a port never asked about, twice, and without a name", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const { server, link } = yield* setUp
        yield* server.say("STARTCHAT 198.51.100.3 40001 carol", "STARTCHAT 198.51.100.3 40002")
        const [first, second] = [yield* link.incoming, yield* link.incoming]
        assert.deepStrictEqual([first.peer, first.socket.local.port], [Option.some(carol), 40_001])
        assert.deepStrictEqual([second.peer, second.socket.local.port], [Option.none(), 40_002])
      }),
    ),
  )

  it.effect(
    "STARTCHAT for a port that was refused starts a chat if the port is free by then, and else ends the call",
    () =>
      inVirtualTime(
        Effect.gen(function* () {
          const { server, link, ours } = yield* setUp
          yield* ours.peerTransport.bind({ port: 40_001 })
          const failing = yield* Effect.forkChild(Effect.flip(link.call(bob)), { startImmediately: true })
          yield* server.say("OK", "PORT 40001", "STARTCHAT 198.51.100.3 40001 bob")
          assert.deepInclude(yield* Fiber.join(failing), { _tag: "Refused", code: "Too_many_tries" })

          yield* Effect.scoped(
            Effect.gen(function* () {
              yield* ours.peerTransport.bind({ port: 40_002 })
              yield* server.say("PORT 40002")
              assert.deepStrictEqual([yield* server.hear, yield* server.hear], ["CHAT bob", "ERROR"])
              assert.strictEqual(yield* server.hear, "ERROR")
            }),
          )
          yield* server.say("STARTCHAT 198.51.100.3 40002 bob")
          assert.strictEqual((yield* link.incoming).socket.local.port, 40_002)
        }),
      ),
  )
})

describe("SPEC 7.3: a server that hangs", () => {
  it.effect(
    "a call that nobody answers ends after a while, and with it the connection: there is no other way out",
    () =>
      inVirtualTime(
        Effect.gen(function* () {
          const { server, link } = yield* setUp
          const call = yield* Effect.forkChild(Effect.flip(link.call(bob)), { startImmediately: true })
          yield* server.say("OK", "PORT 40001")
          assert.deepInclude(yield* Effect.timeout(Fiber.join(call), "30 seconds"), { code: "No_answer" })
          assert.strictEqual((yield* link.lost).reason, "Silent")
        }),
      ),
  )

  it.effect("our peer leaves it, comes back as soon as its old name is free, and calls again", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const { server: host, ours, other } = yield* hosts
        const original = yield* Effect.provide(OriginalServer.make(addresses.server), host.layer)
        const server = { host: addresses.server, port: original.port }
        const called = yield* Effect.provide(RawClient.register(server, "bob"), other.layer)
        const screen = yield* MemoryScreen.make()
        yield* Effect.flatMap(Peer, (peer) =>
          peer.run({ name: alice, dialect: "original", via: { _tag: "Server", server } }),
        ).pipe(
          Effect.provide(
            Peer.layer.pipe(
              Layer.provide([RendezvousClient.layer, ChatSession.layer, screen.layer]),
              Layer.provide(ours.layer),
            ),
          ),
          Effect.forkScoped({ startImmediately: true }),
        )
        yield* screen.nextOf("registered")
        yield* screen.type("/chat bob")
        assert.match(yield* called.hear, /^PORT /)

        const codes = [(yield* screen.nextOf("error")).code, (yield* screen.nextOf("error")).code]
        assert.sameMembers(codes, ["No_answer", "Server_lost"])
        // The thread that serves alice waits for bob: to the server she is there, under her name, until he answers.
        yield* Effect.sleep("1 minute")
        yield* called.say("LISTUSERS", "OK", "OK", "OK", "OK", "OK", "OK", "OK", "OK")
        yield* screen.nextOf("registered")
        yield* called.hearUntil("ERROR Operation_unknown")
        yield* screen.type("/list")
        assert.deepStrictEqual((yield* screen.nextOf("users")).users, ["bob"])
      }).pipe(Random.withSeed("a server that hangs")),
    ),
  )
})

it.effect("SPEC 7.4: the list is shown without oneself", () =>
  inVirtualTime(
    Effect.gen(function* () {
      const { server, link } = yield* setUp
      const users = yield* Effect.forkChild(link.users, { startImmediately: true })
      assert.strictEqual(yield* server.hear, "LISTUSERS")
      yield* server.say("STARTUSERS", "carol", "alice", "bob", "ENDUSERS")
      assert.deepStrictEqual(yield* Fiber.join(users), [carol, bob])
    }),
  ),
)
