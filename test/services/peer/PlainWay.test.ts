import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import { MemoryNetwork } from "nomitm/adapters/memory/MemoryNetwork"
import * as MemoryScreen from "nomitm/adapters/memory/MemoryScreen"
import * as PeerMessage from "nomitm/domain/PeerMessage"
import type { Username } from "nomitm/domain/Username"
import { ChatSession } from "nomitm/services/chat/ChatSession"
import { Peer } from "nomitm/services/peer/Peer"
import { PortAllocator } from "nomitm/services/PortAllocator"
import { RendezvousClient } from "nomitm/services/link/RendezvousClient"
import { RendezvousServer } from "nomitm/services/server/RendezvousServer"
import * as RawServer from "../../interop/RawServer.ts"
import { inVirtualTime } from "../../virtualTime.ts"

it.effect("in plaintext nobody is talked to who comes under a contact's name, whoever calls; others are", () =>
  inVirtualTime(
    Effect.gen(function* () {
      const network = yield* MemoryNetwork.make({ link: { latencyMillis: 20 } })
      const server = yield* network.host({ address: "198.51.100.1" })
      yield* Layer.build(
        RendezvousServer.layer({ address: "198.51.100.1", port: 6969, dialect: "readme" }).pipe(
          Layer.provide([server.layer, PortAllocator.layer()]),
        ),
      )
      const person = Effect.fnUntraced(function* (name: string, n: number, isContact?: (name: string) => boolean) {
        const screen = yield* MemoryScreen.make()
        const host = yield* network.host({ address: `198.51.100.${n}` })
        const via = { _tag: "Server", server: { host: "198.51.100.1", port: 6969 } } as const
        yield* Effect.flatMap(Peer, (peer) =>
          peer.run({ name: name as Username, dialect: "readme", via, isContact }),
        ).pipe(
          Effect.provide(
            Peer.layer.pipe(
              Layer.provide([RendezvousClient.layer, ChatSession.layer, screen.layer]),
              Layer.provide(host.layer),
            ),
          ),
          Effect.ignore,
          Effect.forkScoped,
        )
        yield* screen.nextOf("registered")
        return screen
      })
      const alice = yield* person("alice", 2, (name) => name === "bob")
      const bob = yield* person("bob", 3)
      yield* alice.type("/chat bob")
      assert.strictEqual((yield* alice.nextOf("error")).code, "Plaintext_contact")
      yield* bob.type("/chat alice")
      assert.strictEqual((yield* alice.nextOf("error")).code, "Plaintext_contact")
      assert.strictEqual((yield* bob.nextOf("closed")).reason, "unreachable")
      const carol = yield* person("carol", 4)
      yield* carol.type("/chat alice")
      assert.strictEqual((yield* alice.nextOf("connected")).peer, "carol")
    }),
  ),
)

describe.each(["readme", "original"] as const)("a server that says no name with STARTCHAT, in %s", (dialect) => {
  it.effect("brings nobody to us who then says to be a contact; it is over before a word is said", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const network = yield* MemoryNetwork.make({ link: { latencyMillis: 20 } })
        const [home, host, other] = [
          yield* network.host({ address: "198.51.100.1" }),
          yield* network.host({ address: "198.51.100.2" }),
          yield* network.host({ address: "198.51.100.3" }),
        ]
        const server = yield* Effect.provide(RawServer.make("198.51.100.1"), home.layer)
        const screen = yield* MemoryScreen.make()
        const via = { _tag: "Server", server: { host: "198.51.100.1", port: server.port } } as const
        yield* Effect.flatMap(Peer, (peer) =>
          peer.run({ name: "alice" as Username, dialect, via, isContact: (name) => name === "bob" }),
        ).pipe(
          Effect.provide(
            Peer.layer.pipe(
              Layer.provide([RendezvousClient.layer, ChatSession.layer, screen.layer]),
              Layer.provide(host.layer),
            ),
          ),
          Effect.ignore,
          Effect.forkScoped,
        )
        yield* Effect.repeat(server.hear, { until: (line) => line === "HELLO" })
        yield* server.say("HELLO")
        yield* server.hear
        yield* server.say(dialect === "readme" ? "REGISTER alice OK" : "REGISTERED alice OK")
        yield* screen.nextOf("registered")
        const socket = yield* other.peerTransport.bind({ port: 40_001 })
        const heard: Array<string> = []
        yield* socket.receive((datagram) => {
          const message = PeerMessage.decode(dialect, datagram, undefined)
          if (Result.isSuccess(message)) heard.push(message.success._tag)
        })
        const hello = PeerMessage.encode(dialect, { _tag: "Connect", from: "bob", number: 1 })
        yield* Effect.sync(() => socket.send(hello, { address: "198.51.100.2", port: 40_001 })).pipe(
          Effect.andThen(Effect.sleep(100)),
          Effect.forever,
          Effect.forkScoped,
        )
        yield* server.say("PORT 40001")
        assert.strictEqual(yield* server.hear, "OK")
        yield* server.say("STARTCHAT 198.51.100.3 40001")
        assert.deepInclude(yield* screen.next, { event: "error", code: "Plaintext_contact" })
        assert.strictEqual((yield* screen.nextOf("closed")).reason, "closed")
        yield* screen.type("still nobody")
        assert.deepInclude(yield* screen.next, { event: "error", code: "No_chat" })
        assert.notInclude(heard, "Text")
        assert.include(heard, "Close")
      }),
    ),
  )
})
