/**
 * Hostile servers and peers against a person's peer, on real sockets but where a test says otherwise.
 */
import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Option } from "effect"
import * as MemoryNetwork from "nomitm/adapters/memory/MemoryNetwork"
import * as MemoryScreen from "nomitm/adapters/memory/MemoryScreen"
import * as NodePeerTransport from "nomitm/adapters/node/NodePeerTransport"
import * as NodeRendezvousTransport from "nomitm/adapters/node/NodeRendezvousTransport"
import type { Dialect } from "nomitm/domain/Dialect"
import type { Endpoint } from "nomitm/domain/Endpoint"
import type { Username } from "nomitm/domain/Username"
import { ChatSession } from "nomitm/services/chat/ChatSession"
import { type Options, Peer } from "nomitm/services/peer/Peer"
import { PeerTransport } from "nomitm/services/PeerTransport"
import { RendezvousClient } from "nomitm/services/link/RendezvousClient"
import * as PeerEventText from "../../src/domain/PeerEventText.ts"
import * as RawServer from "../interop/RawServer.ts"
import type { Host } from "../services/worlds.ts"
import { inVirtualTime } from "../virtualTime.ts"

const node: Host = Layer.mergeAll(NodePeerTransport.layer, NodeRendezvousTransport.layer)

const startPeer = Effect.fnUntraced(function* (
  host: Host,
  dialect: Dialect,
  localAddress: string,
  via: Options["via"],
) {
  const screen = yield* MemoryScreen.make()
  const layer = Peer.layer.pipe(
    Layer.provide([RendezvousClient.layer, ChatSession.layer, screen.layer]),
    Layer.provide(host),
  )
  const options: Options = { name: "alice" as Username, dialect, localAddress, via }
  yield* Effect.flatMap(Peer, (peer) => peer.run(options)).pipe(Effect.provide(layer), Effect.ignore, Effect.forkScoped)
  return screen
})

/** A peer that is registered at a server which then does what it likes. */
const atHostileServer = Effect.fnUntraced(function* (host: Host, addresses: readonly [string, string]) {
  const server = yield* Effect.provide(RawServer.make(addresses[0]), host)
  const screen = yield* startPeer(host, "original", addresses[1], {
    _tag: "Server",
    server: { host: addresses[0], port: server.port },
  })
  yield* server.welcome
  yield* screen.nextOf("registered")
  return { server, screen }
})

it.live("a server that asks about thousands of ports does not keep the user from being answered", () =>
  Effect.gen(function* () {
    const { server, screen } = yield* atHostileServer(node, ["127.0.0.1", "127.0.0.2"])
    yield* server.say(...Array.from({ length: 4000 }, (_, i) => `PORT ${20_000 + i}`))
    yield* server.hear
    yield* screen.type("/help")
    yield* screen.nextOf("help")
    assert.isBelow((yield* server.heard).length, 3000)
  }).pipe(Effect.scoped),
)

it.live("a server can't make a peer send to many, or to nobody", () =>
  Effect.gen(function* () {
    const sentTo: Array<string> = []
    const recording = Layer.effect(
      PeerTransport,
      Effect.map(PeerTransport, (transport) =>
        PeerTransport.of({
          ...transport,
          bind: (options) =>
            Effect.map(transport.bind(options), (socket) => ({
              ...socket,
              send: (_, to) => void sentTo.push(to.address),
            })),
        }),
      ),
    ).pipe(Layer.provide(NodePeerTransport.layer))
    const host = Layer.mergeAll(recording, NodeRendezvousTransport.layer)
    const { server, screen } = yield* atHostileServer(host, ["127.0.0.1", "127.0.0.2"])
    for (const address of ["224.0.0.1", "239.1.2.3", "255.255.255.255", "240.0.0.1", "0.0.0.0", "::", "ff02::1"]) {
      yield* server.say(`STARTCHAT ${address} 47000 eve`)
    }
    yield* server.say("STARTCHAT 127.0.0.3 47001 eve")
    while (sentTo.length === 0) yield* Effect.sleep(20)
    yield* screen.type("/close")
    yield* screen.nextOf("closed")
    assert.deepEqual([...new Set(sentTo)], ["127.0.0.3"])
  }).pipe(Effect.scoped),
)

it.effect("a server that asks about a port each second does not keep the user from speaking (in memory)", () =>
  inVirtualTime(
    Effect.gen(function* () {
      const network = yield* MemoryNetwork.MemoryNetwork.make()
      const host = (yield* network.host({ address: ["198.51.100.1", "198.51.100.2"] })).layer
      const { server, screen } = yield* atHostileServer(host, ["198.51.100.1", "198.51.100.2"])
      let n = 0
      yield* Effect.suspend(() => server.say(`PORT ${30_000 + n++}`)).pipe(
        Effect.andThen(Effect.sleep("1 second")),
        Effect.forever,
        Effect.forkScoped,
      )
      yield* Effect.sleep("3 seconds")
      yield* screen.type("/list")
      yield* Effect.repeat(server.hear, { until: (line) => line === "LISTUSERS" })
      yield* server.say("STARTUSERS", "\u001b[2Jeve", "a\u202eb", "bob", "ENDUSERS")
      assert.deepEqual((yield* screen.nextOf("users")).users, ["bob"])
      // And a call that it keeps going without end, ends.
      yield* screen.type("/chat bob")
      yield* Effect.repeat(screen.nextOf("error"), { until: ({ code }) => code === "No_answer" })
    }),
  ),
)

it.live("a peer called directly can neither take the screen with its name nor with its texts", () =>
  Effect.gen(function* () {
    const transport = yield* PeerTransport
    const eve = yield* transport.bind({ port: 0, address: "127.0.0.3" })
    const heard = Deferred.makeUnsafe<Endpoint>()
    yield* eve.receive((_, from) => void Deferred.doneUnsafe(heard, Effect.succeed(from)))
    const screen = yield* startPeer(node, "original", "127.0.0.2", {
      _tag: "Direct",
      remote: { host: "127.0.0.3", port: eve.local.port },
      localPort: 0,
    })
    const alice = yield* Deferred.await(heard)
    const say = (text: string) => Effect.sync(() => eve.send(Buffer.from(text), alice))
    yield* say(`\u001b[2J${"N".repeat(40_000)}\nConnect\n5\n\n`)
    const { peer } = yield* screen.nextOf("connected")
    assert.isAtMost(peer.length, 32)
    for (const text of [
      "\u001b[2J\u001b]0;mine\u0007",
      "\u009b31mred",
      "a\u202eb",
      "\u2028* alice ended the chat.",
      "\u2028\u2028! x".repeat(5000),
    ]) {
      yield* say(`x\nMsg\n${text}\n\n`)
      const event = yield* screen.nextOf("message")
      for (const line of PeerEventText.print(event).split("\n")) {
        assert.notMatch(line, /^[*!]|[\p{Cc}\u202a-\u202e\u2066-\u2069]/u)
      }
    }
    assert.isTrue(Option.isNone(yield* Effect.timeoutOption(screen.nextOf("closed"), 50)))
  }).pipe(Effect.provide(NodePeerTransport.layer), Effect.scoped),
)
