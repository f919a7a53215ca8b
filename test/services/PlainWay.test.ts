import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { MemoryNetwork } from "nomitm/adapters/memory/MemoryNetwork"
import * as MemoryScreen from "nomitm/adapters/memory/MemoryScreen"
import type { Username } from "nomitm/domain/Username"
import { ChatSession } from "nomitm/services/ChatSession"
import { Peer } from "nomitm/services/Peer"
import { PortAllocator } from "nomitm/services/PortAllocator"
import { RendezvousClient } from "nomitm/services/RendezvousClient"
import { RendezvousServer } from "nomitm/services/RendezvousServer"
import { simulate } from "../simulate.ts"

it.effect("in plaintext nobody is talked to who comes under a contact's name, whoever calls; others are", () =>
  simulate(
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
