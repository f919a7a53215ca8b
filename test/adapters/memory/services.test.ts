/** The services of the seed on the simulated network: what it is for. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import { TestClock } from "effect/testing"
import { MemoryNetwork, type MemoryHost, type Options } from "../../../src/adapters/memory/MemoryNetwork.ts"
import { type NatKind, natKinds } from "../../../src/adapters/memory/NatKind.ts"
import * as Username from "../../../src/domain/Username.ts"
import * as ChatSession from "../../../src/services/chat/ChatSession.ts"
import * as PortAllocator from "../../../src/services/PortAllocator.ts"
import * as RendezvousClient from "../../../src/services/link/RendezvousClient.ts"
import * as RendezvousServer from "../../../src/services/server/RendezvousServer.ts"

const serverAddress = "203.0.113.10"
const port = 55_000

/** Lets virtual time pass until it is over. */
const within = Effect.fnUntraced(function* <A, E, R>(millis: number, program: Effect.Effect<A, E, R>) {
  const fiber = yield* Effect.forkChild(program, { startImmediately: true })
  for (let passed = 0; passed < millis && fiber.pollUnsafe() === undefined; passed += 50) yield* TestClock.adjust(50)
  assert.isDefined(fiber.pollUnsafe(), `not over after ${millis} ms`)
  return yield* Fiber.join(fiber)
})

/** Alice and bob, each behind a NAT. */
const world = Effect.fnUntraced(function* (options: Options, kind: NatKind = "portRestrictedCone") {
  const network = yield* MemoryNetwork.make(options)
  const peer = Effect.fnUntraced(function* (name: string, outside: string) {
    const nat = yield* network.nat({ address: outside, kind: natKinds[kind] })
    return yield* network.host({ name, address: "192.168.1.10", nat })
  })
  return { network, alice: yield* peer("alice", "198.51.100.1"), bob: yield* peer("bob", "198.51.100.2") }
})

const openChat = Effect.fnUntraced(function* (host: MemoryHost, address: string) {
  const sessions = Context.get(yield* Layer.build(ChatSession.ChatSession.layer), ChatSession.ChatSession)
  const socket = yield* host.peerTransport.bind({ port })
  return yield* sessions.open({
    socket,
    remote: { address, port },
    dialect: "readme",
    self: host.name,
    peer: Option.none(),
    patience: 30_000,
  })
})

describe("a chat", () => {
  it.effect("opens on both sides within four seconds while three datagrams in ten are lost", () =>
    Effect.gen(function* () {
      for (let seed = 0; seed < 100; seed++) {
        yield* Effect.gen(function* () {
          const link = { latencyMillis: 40, jitterMillis: 20, loss: 0.3, duplication: 0.05, reordering: 0.05 }
          const { alice, bob } = yield* world({ link })
          const alices = yield* openChat(alice, "198.51.100.2")
          // The other side is up to a second late.
          yield* TestClock.adjust((seed % 5) * 250)
          const bobs = yield* openChat(bob, "198.51.100.1")
          const names = yield* within(4000, Effect.all([alices.opened, bobs.opened], { concurrency: 2 }))
          assert.deepStrictEqual(names, ["bob", "alice"])
        }).pipe(Random.withSeed(`chat ${seed}`), Effect.scoped)
      }
    }),
  )

  it.effect("with the same ports does not open between two symmetric NATs", () =>
    Effect.gen(function* () {
      const { alice, bob } = yield* world({ link: { latencyMillis: 20 } }, "symmetric")
      const alices = yield* openChat(alice, "198.51.100.2")
      const bobs = yield* openChat(bob, "198.51.100.1")
      const errors = yield* within(31_000, Effect.all([Effect.flip(alices.opened), Effect.flip(bobs.opened)]))
      assert.deepStrictEqual(
        errors.map((error) => error.ending),
        ["unreachable", "unreachable"],
      )
    }).pipe(Random.withSeed("symmetric")),
  )

  it.effect("ends when the NAT forgets it", () =>
    Effect.gen(function* () {
      const network = yield* MemoryNetwork.make({ link: { latencyMillis: 20 } })
      const nat = yield* network.nat({ address: "198.51.100.1", kind: natKinds.portRestrictedCone })
      const alice = yield* network.host({ name: "alice", address: "192.168.1.10", nat })
      const bob = yield* network.host({ name: "bob", address: "198.51.100.2" })
      const alices = yield* openChat(alice, "198.51.100.2")
      const bobs = yield* openChat(bob, "198.51.100.1")
      yield* within(1000, Effect.all([alices.opened, bobs.opened], { concurrency: 2 }))
      yield* nat.restart("198.51.100.3")
      assert.strictEqual(yield* within(26_000, alices.ended), "timeout")
      assert.strictEqual(yield* within(26_000, bobs.ended), "timeout")
    }),
  )
})

describe("the rendezvous", () => {
  const register = Effect.fnUntraced(function* (host: MemoryHost) {
    const layer = RendezvousClient.RendezvousClient.layer.pipe(Layer.provide(host.layer))
    const client = Context.get(yield* Layer.build(layer), RendezvousClient.RendezvousClient)
    return yield* client.connect({
      server: { host: "chat.example", port: 6969 },
      name: Username.Username.make(host.name),
      dialect: "readme",
      available: () => true,
    })
  })

  it.effect("registers, lists and calls, and both sides agree on a port that leads to the other", () =>
    Effect.gen(function* () {
      const { network, alice, bob } = yield* world({
        link: { latencyMillis: 30, loss: 0.3 },
        names: { "chat.example": serverAddress },
      })
      const host = yield* network.host({ name: "server", address: serverAddress })
      yield* Layer.build(
        RendezvousServer.RendezvousServer.layer({ address: "0.0.0.0", port: 6969, dialect: "readme" }).pipe(
          Layer.provide([host.layer, PortAllocator.PortAllocator.layer()]),
        ),
      )
      const alices = yield* within(1000, register(alice))
      const bobs = yield* within(1000, register(bob))
      assert.deepStrictEqual(yield* within(1000, alices.users), [Username.Username.make("bob")])
      const [called, incoming] = yield* within(
        2000,
        Effect.all([alices.call(Username.Username.make("bob")), bobs.incoming], { concurrency: 2 }),
      )
      assert.deepStrictEqual(called.peer, Option.some("bob"))
      assert.deepStrictEqual(incoming.peer, Option.some("alice"))
      assert.strictEqual(called.remote.address, "198.51.100.2")
      assert.strictEqual(incoming.remote.address, "198.51.100.1")
      assert.strictEqual(called.remote.port, incoming.remote.port)
      assert.strictEqual(called.socket.local.port, called.remote.port)

      const sessions = Context.get(yield* Layer.build(ChatSession.ChatSession.layer), ChatSession.ChatSession)
      const chat = (self: string, { socket, remote, peer }: RendezvousClient.Agreement) =>
        sessions.open({ socket, remote, peer, self, dialect: "readme", patience: 30_000 })
      const here = yield* chat("alice", called)
      const there = yield* chat("bob", incoming)
      yield* within(4000, Effect.all([here.opened, there.opened], { concurrency: 2 }))
      yield* network.setLink({ loss: 0 })
      yield* here.say("hello")
      assert.strictEqual(yield* within(1000, there.receive), "hello")
    }).pipe(Random.withSeed("rendezvous")),
  )
})
