/**
 * A person's peer at a server that is slow, hostile, or somewhere else: what a test says it is.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Option, Scope } from "effect"
import * as MemoryScreen from "nomitm/adapters/memory/MemoryScreen"
import type { Dialect } from "nomitm/domain/Dialect"
import type { PeerEvent } from "nomitm/domain/PeerEvent"
import * as PeerMessage from "nomitm/domain/PeerMessage"
import { Username } from "nomitm/domain/Username"
import { ChatSession } from "nomitm/services/chat/ChatSession"
import { Peer } from "nomitm/services/peer/Peer"
import { PeerTransport } from "nomitm/services/PeerTransport"
import { RendezvousClient } from "nomitm/services/link/RendezvousClient"
import * as RawServer from "../../interop/RawServer.ts"
import { inVirtualTime } from "../../virtualTime.ts"
import * as PeerStage from "./PeerStage.ts"
import * as RawClient from "../server/RawClient.ts"

/** alice, at a server that says what the test says. */
const atRawServer = Effect.fnUntraced(function* (
  dialect: Dialect,
  options: { readonly interactive?: boolean; readonly welcome?: boolean } = {},
) {
  const stage = yield* PeerStage.make(dialect)
  const server = yield* Effect.provide(RawServer.make(PeerStage.address(1)), stage.serverHost.layer)
  const alice = yield* stage.person("alice", 2, {
    ...options,
    via: { _tag: "Server", server: { host: PeerStage.address(1), port: server.port } },
  })
  if (options.welcome !== false) {
    yield* Effect.repeat(server.hear, { until: (line) => line === "HELLO" })
    yield* server.say("HELLO")
    assert.strictEqual(yield* server.hear, "REGISTER alice")
    yield* server.say(dialect === "readme" ? "REGISTER alice OK" : "REGISTERED alice OK")
    yield* alice.screen.nextOf("registered")
  }
  return { ...stage, server, alice }
})

/** carol is where a STARTCHAT says, and opens the path. */
const carolIsThere = Effect.fnUntraced(function* (
  network: Effect.Success<ReturnType<typeof PeerStage.make>>["network"],
  dialect: Dialect,
  port: number,
) {
  const host = yield* network.host({ address: PeerStage.address(3) })
  const socket = yield* host.peerTransport.bind({ port })
  const connect = PeerMessage.encode(dialect, { _tag: "Connect", from: "carol", number: 1 })
  yield* Effect.sync(() => socket.send(connect, { address: PeerStage.address(2), port })).pipe(
    Effect.andThen(Effect.sleep(100)),
    Effect.forever,
    Effect.forkScoped,
  )
})

const within = (limit: "1 second" | "3 seconds") => Effect.timeout(limit)

describe("somebody at a terminal is never kept waiting", () => {
  for (const leave of ["/quit", "the end of input"] as const) {
    const leaving = ({ screen }: PeerStage.Person) => (leave === "/quit" ? screen.type("/quit") : screen.end)

    it.effect(`by a server that does not answer HELLO: ${leave} leaves`, () =>
      inVirtualTime(
        Effect.gen(function* () {
          const { alice } = yield* atRawServer("readme", { welcome: false })
          yield* Effect.sleep(100)
          for (const [typed, code] of [
            ["hello", "No_chat"],
            ["/list", "Offline"],
            ["/chat bob", "Offline"],
          ] as const) {
            yield* alice.screen.type(typed)
            assert.strictEqual((yield* within("1 second")(alice.screen.nextOf("error"))).code, code)
          }
          yield* leaving(alice)
          assert.deepStrictEqual(yield* within("1 second")(alice.exit), Option.some(0))
        }),
      ),
    )

    it.effect(`by a list that does not come: what is typed is carried out, and ${leave} leaves`, () =>
      inVirtualTime(
        Effect.gen(function* () {
          const { alice, server } = yield* atRawServer("readme")
          yield* alice.screen.type("/list")
          assert.strictEqual(yield* server.hear, "LISTUSERS")
          yield* alice.screen.type("hello")
          assert.strictEqual((yield* within("1 second")(alice.screen.nextOf("error"))).code, "No_chat")
          yield* leaving(alice)
          assert.deepStrictEqual(yield* within("1 second")(alice.exit), Option.some(0))
        }),
      ),
    )
  }

  it.effect("but a script's lines are carried out one after the other, before its end", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const { alice, server } = yield* atRawServer("readme", { interactive: false })
        for (const line of ["/list", "/help"]) yield* alice.screen.type(line)
        yield* alice.screen.end
        yield* Effect.sleep("5 seconds")
        yield* server.say("STARTUSERS", "bob", "ENDUSERS")
        assert.deepStrictEqual(yield* alice.screen.next, { event: "users", users: ["bob"] })
        assert.strictEqual((yield* alice.screen.next).event, "help")
        assert.deepStrictEqual(yield* alice.exit, Option.some(0))
      }),
    ),
  )
})

it.effect("who can't come back is told why, once for each reason, and comes back when that is over", () =>
  inVirtualTime(
    Effect.gen(function* () {
      const stage = yield* PeerStage.make("readme")
      yield* stage.startServer
      const alice = yield* stage.person("alice", 2)
      yield* alice.screen.nextOf("registered")
      yield* stage.stopServer
      yield* Effect.sleep("1 minute")
      const thief = yield* Scope.fork(yield* Effect.scope)
      const host = yield* stage.network.host({ address: PeerStage.address(9) })
      yield* stage.startServer
      yield* RawClient.register({ host: PeerStage.address(1), port: 6969 }, "alice").pipe(
        Effect.provide(host.layer),
        Scope.provide(thief),
      )
      yield* Effect.sleep("5 minutes")
      yield* Scope.close(thief, Exit.void)
      const events: Array<PeerEvent> = []
      do events.push(yield* alice.screen.next)
      while (events.at(-1)?.event !== "registered")
      const codes = events.flatMap((event) => (event.event === "error" ? [event.code] : []))
      assert.deepStrictEqual(codes, ["Server_lost", "Unreachable", "User_exists"])
      const taken = events.find((event) => event.event === "error" && event.code === "User_exists")
      assert.match(JSON.stringify(taken), /being tried again/)
    }),
  ),
)

describe.each(["readme", "original"] as const)("somebody's call that meets ours, in the %s dialect", (dialect) => {
  it.effect("comes about, and ours is given up", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const { alice, server, network } = yield* atRawServer(dialect)
        yield* carolIsThere(network, dialect, 40_001)
        yield* server.say("PORT 40001")
        assert.strictEqual(yield* server.hear, "OK")
        yield* alice.screen.type("/chat bob")
        yield* alice.screen.type("for bob")
        yield* alice.screen.nextOf("calling")
        yield* server.say(`STARTCHAT ${PeerStage.address(3)} 40001 carol`)
        const codes = [(yield* alice.screen.nextOf("error")).code, (yield* alice.screen.nextOf("error")).code]
        assert.deepStrictEqual(codes, ["Given_up", "Not_sent"])
        assert.strictEqual((yield* alice.screen.nextOf("connected")).peer, "carol")
        // In readme it was under way already: the server refuses it, and nobody needs to hear of that.
        yield* server.say("ERROR Already_calling")
        yield* alice.screen.type("/close")
        assert.strictEqual((yield* alice.screen.next).event, "closed")
      }),
    ),
  )

  it.effect("comes about when ours is refused first, as a server of ours does", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const { alice, server, network } = yield* atRawServer(dialect)
        yield* carolIsThere(network, dialect, 40_001)
        yield* alice.screen.type("/chat bob")
        assert.strictEqual(yield* server.hear, "CHAT bob")
        yield* server.say(dialect === "readme" ? "ERROR Already_calling bob" : "ERROR Already_calling")
        yield* server.say(`STARTCHAT ${PeerStage.address(3)} 40001 carol`)
        assert.strictEqual((yield* alice.screen.nextOf("error")).code, "Already_calling")
        assert.strictEqual((yield* alice.screen.nextOf("connected")).peer, "carol")
      }),
    ),
  )
})

it.effect("whoever is interrupted while a chat comes about holds no port afterwards", () =>
  Effect.forEach(
    Array.from({ length: 30 }, (_, i) => i * 2),
    (millis) =>
      inVirtualTime(
        Effect.gen(function* () {
          const { alice, server } = yield* atRawServer("readme")
          yield* server.say("PORT 40001", `STARTCHAT ${PeerStage.address(3)} 40001 carol`)
          yield* Effect.sleep(millis)
          yield* alice.interrupt
          yield* Effect.scoped(alice.host.peerTransport.bind({ port: 40_001 }))
        }),
      ),
  ),
)

it.effect("a defect beside the commands ends the peer, instead of leaving it waiting for ever", () =>
  inVirtualTime(
    Effect.gen(function* () {
      const screen = yield* MemoryScreen.make()
      const broken = Layer.succeed(RendezvousClient, RendezvousClient.of({ connect: () => Effect.die("a defect") }))
      const { serverHost } = yield* PeerStage.make("readme")
      const running = yield* Effect.flatMap(Peer, (peer) =>
        peer.run({
          name: Username.make("alice"),
          dialect: "readme",
          via: { _tag: "Server", server: { host: "192.0.2.1", port: 6969 } },
        }),
      ).pipe(
        Effect.provide(
          Peer.layer.pipe(
            Layer.provide([broken, ChatSession.layer, screen.layer]),
            Layer.provide(Layer.succeed(PeerTransport, serverHost.peerTransport)),
          ),
        ),
        Effect.forkChild({ startImmediately: true }),
      )
      const exit = yield* within("1 second")(Fiber.await(running))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    }),
  ),
)
