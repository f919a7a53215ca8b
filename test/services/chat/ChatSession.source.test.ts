/** A chat in plaintext with somebody who has another port than the agreed one. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { MemoryNetwork } from "nomitm/adapters/memory/MemoryNetwork"
import { type NatKind, natKinds } from "nomitm/adapters/memory/NatKind"
import type { Dialect } from "nomitm/domain/Dialect"
import type { Endpoint } from "nomitm/domain/Endpoint"
import * as PeerMessage from "nomitm/domain/PeerMessage"
import { type Chat, ChatSession } from "nomitm/services/chat/ChatSession"
import { type PeerSocket, PeerTransport } from "nomitm/services/PeerTransport"
import { inVirtualTime } from "../../virtualTime.ts"
import { worlds } from "../worlds.ts"

const open = (socket: PeerSocket, self: string, peer: Option.Option<string>, remote: Endpoint, dialect: Dialect) =>
  ChatSession.use((sessions) => sessions.open({ socket, remote, dialect, self, peer, patience: "10 seconds" })).pipe(
    Effect.provide(ChatSession.layer),
  )

const opened = (alice: Chat, bob: Chat) => Effect.all([alice.opened, bob.opened], { concurrency: 2 })

const talk = Effect.fnUntraced(function* (alice: Chat, bob: Chat) {
  yield* opened(alice, bob)
  yield* alice.say("hello")
  assert.strictEqual(yield* bob.receive, "hello")
  yield* bob.say("hello to you")
  assert.strictEqual(yield* alice.receive, "hello to you")
  yield* bob.close
  assert.strictEqual(yield* alice.ended, "closed_by_peer")
})

for (const world of worlds) {
  describe.each(["readme", "original"] as const)(`${world.name}, in %s`, (dialect) => {
    for (const name of [Option.some("bob"), Option.none()]) {
      const known = Option.isSome(name) ? "somebody the server named" : "an address that was typed"
      world.test(`a chat with ${known} goes on with the port where they are seen`, (host) =>
        Effect.gen(function* () {
          const bindAt = (n: number) =>
            PeerTransport.use((transport) => transport.bind({ port: 0, address: world.address(n) })).pipe(
              Effect.provide(host(n)),
            )
          const [aliceSocket, bobSocket, other] = [yield* bindAt(2), yield* bindAt(3), yield* bindAt(3)]
          // Announced is a port of the same address, where somebody else is, who says nothing.
          const alice = yield* open(aliceSocket, "alice", name, other.local, dialect)
          const bob = yield* open(bobSocket, "bob", Option.some("alice"), aliceSocket.local, dialect)
          yield* talk(alice, bob)
        }),
      )
    }
  })
}

const port = 55_000
const server = { alice: "198.51.100.2", bob: "198.51.100.3" }

/** Both behind a NAT of their own, each told the other's address and the agreed port, as by a server of the seed. */
const atHome = Effect.fnUntraced(function* (aliceNat: NatKind, bobNat: NatKind, dialect: Dialect) {
  const network = yield* MemoryNetwork.make({ link: { latencyMillis: 20 } })
  const home = Effect.fnUntraced(function* (address: string, kind: NatKind, inside: string) {
    const nat = yield* network.nat({ address, kind: natKinds[kind] })
    const host = yield* network.host({ address: inside, nat })
    return { nat, socket: yield* host.peerTransport.bind({ port }) }
  })
  const [a, b] = [yield* home(server.alice, aliceNat, "192.168.1.10"), yield* home(server.bob, bobNat, "192.168.1.11")]
  return {
    bobsNat: b.nat,
    alice: yield* open(a.socket, "alice", Option.some("bob"), { address: server.bob, port }, dialect),
    bob: yield* open(b.socket, "bob", Option.some("alice"), { address: server.alice, port }, dialect),
  }
})

describe.each(["readme", "original"] as const)("behind NATs, in %s", (dialect) => {
  // What looks no further than the address of whom it lets in, before a NAT that gives another port.
  for (const open of ["fullCone", "addressRestrictedCone"] as const) {
    for (const other of ["randomPortCone", "symmetric", "sequentialSymmetric", "carrierGrade"] as const) {
      for (const [a, b] of [[open, other] as const, [other, open] as const]) {
        it.effect(`${a} and ${b} connect`, () =>
          inVirtualTime(
            Effect.gen(function* () {
              const { alice, bob } = yield* atHome(a, b, dialect)
              yield* talk(alice, bob)
            }),
          ),
        )
      }
    }
  }

  it.effect("two that both give another port still do not: nothing is told of it, and nobody guesses", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const { alice, bob } = yield* atHome("randomPortCone", "symmetric", dialect)
        const errors = yield* Effect.all([Effect.flip(alice.opened), Effect.flip(bob.opened)], { concurrency: 2 })
        assert.deepStrictEqual(
          errors.map(({ ending }) => ending),
          ["unreachable", "unreachable"],
        )
      }),
    ),
  )

  it.effect("a NAT that starts anew gives another port, and the chat goes on", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const { alice, bob, bobsNat } = yield* atHome("fullCone", "carrierGrade", dialect)
        yield* opened(alice, bob)
        yield* Effect.sleep("30 seconds")
        yield* bobsNat.restart()
        yield* Effect.sleep("16 seconds")
        yield* alice.say("still there?")
        assert.strictEqual(yield* bob.receive, "still there?")
        yield* bob.say("yes")
        assert.strictEqual(yield* alice.receive, "yes")
        yield* Effect.sleep("60 seconds")
        yield* talk(alice, bob)
      }),
    ),
  )

  it.effect(
    "somebody at the same address who says the name first gets a chat only until the one who was meant speaks",
    () =>
      inVirtualTime(
        Effect.gen(function* () {
          const network = yield* MemoryNetwork.make({ link: { latencyMillis: 20 } })
          const [a, b] = [yield* network.host({ address: server.alice }), yield* network.host({ address: server.bob })]
          const [aliceSocket, bobSocket] = [
            yield* a.peerTransport.bind({ port }),
            yield* b.peerTransport.bind({ port }),
          ]
          const stranger = yield* b.peerTransport.bind({ port: 666 })
          const forged = (message: PeerMessage.PeerMessage) =>
            Effect.sync(() => stranger.send(PeerMessage.encode(dialect, message), { address: server.alice, port }))
          const told: Array<string> = []
          yield* stranger.receive((datagram) => told.push(new TextDecoder().decode(datagram)))
          const alice = yield* open(aliceSocket, "alice", Option.some("bob"), { address: server.bob, port }, dialect)
          yield* forged({ _tag: "Connect", from: "bob", number: 7 })
          yield* Effect.sleep("1 second")
          // One datagram came from there, one went.
          assert.strictEqual(told.length, 1)
          const bob = yield* open(bobSocket, "bob", Option.some("alice"), { address: server.alice, port }, dialect)
          yield* opened(alice, bob)
          yield* Effect.sleep("1 second")
          yield* forged({ _tag: "Text", from: "bob", text: "give me your keys" })
          yield* forged({ _tag: "Close", from: "bob" })
          yield* Effect.sleep("1 second")
          yield* alice.say("to bob only")
          assert.strictEqual(yield* bob.receive, "to bob only")
          yield* bob.say("it is me")
          assert.strictEqual(yield* alice.receive, "it is me")
          assert.isFalse(told.some((text) => text.includes("to bob only")))
        }),
      ),
  )
})
