import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { MemoryNetwork, type NetworkEvent } from "../../../src/adapters/memory/MemoryNetwork.ts"
import { natKinds } from "../../../src/adapters/memory/NatKind.ts"
import * as Endpoint from "../../../src/domain/Endpoint.ts"
import type { PeerSocket } from "../../../src/services/PeerTransport.ts"

const alicesAddress = "192.0.2.1"
const bobsAddress = "198.51.100.2"
const port = 55_000

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** What a socket receives, each as `text from address:port`. */
const collect = Effect.fnUntraced(function* (socket: PeerSocket) {
  const received: Array<string> = []
  yield* socket.receive((datagram, from) => {
    received.push(`${new TextDecoder().decode(datagram)} from ${Endpoint.format(from)}`)
  })
  return received
})

const pair = Effect.fnUntraced(function* (options?: Parameters<typeof MemoryNetwork.make>[0]) {
  const network = yield* MemoryNetwork.make(options)
  const alice = yield* network.host({ name: "alice", address: alicesAddress })
  const bob = yield* network.host({ name: "bob", address: bobsAddress })
  const from = yield* alice.peerTransport.bind({ port })
  const to = yield* bob.peerTransport.bind({ port })
  return { network, alice, bob, from, to, received: yield* collect(to) }
})

describe("datagrams", () => {
  it.effect("arrive after the latency, with the sender's address", () =>
    Effect.gen(function* () {
      const { from, received } = yield* pair({ link: { latencyMillis: 30 } })
      from.send(bytes("hello"), { address: bobsAddress, port })
      yield* TestClock.adjust(29)
      assert.deepStrictEqual(received, [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(received, ["hello from 192.0.2.1:55000"])
    }),
  )

  it.effect("never arrive inside of send, even without latency", () =>
    Effect.gen(function* () {
      const { from, received } = yield* pair()
      from.send(bytes("hello"), { address: bobsAddress, port })
      assert.deepStrictEqual(received, [])
      yield* TestClock.adjust(0)
      assert.strictEqual(received.length, 1)
    }),
  )

  it.effect("that two sides throw back for ever leave other fibers their turn", () =>
    Effect.gen(function* () {
      const { from, to } = yield* pair()
      let count = 0
      for (const socket of [from, to]) {
        yield* socket.receive((datagram, back) => {
          count += 1
          socket.send(datagram, back)
        })
      }
      from.send(bytes("hello"), { address: bobsAddress, port })
      for (let i = 0; i < 20; i++) yield* Effect.yieldNow
      assert.isAbove(count, 1)
    }),
  )

  it.effect("are not kept: the sender may use the bytes again", () =>
    Effect.gen(function* () {
      const { from, received } = yield* pair()
      const datagram = bytes("first")
      from.send(datagram, { address: bobsAddress, port })
      datagram.set(bytes("other"))
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(received, ["first from 192.0.2.1:55000"])
    }),
  )

  it.effect("to nobody are lost without a word", () =>
    Effect.gen(function* () {
      const events: Array<NetworkEvent> = []
      const { from, received } = yield* pair({ observe: (event) => events.push(event) })
      from.send(bytes("x"), { address: bobsAddress, port: 1 })
      from.send(bytes("x"), { address: "203.0.113.99", port })
      from.send(bytes("x"), { address: "2001:db8::1", port })
      from.send(new Uint8Array(65_508), { address: bobsAddress, port })
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(received, [])
      const dropped = events.filter(({ event }) => event === "Dropped").map(({ reason }) => reason)
      assert.sameMembers(dropped, ["NobodyThere", "NoRoute"])
    }),
  )

  it.effect("are lost, doubled and reordered as often as the link says", () =>
    Effect.gen(function* () {
      const { network, from, received } = yield* pair({ link: { latencyMillis: 10, loss: 0.3 } })
      const send = Effect.fnUntraced(function* () {
        received.length = 0
        for (let i = 0; i < 1000; i++) {
          from.send(bytes(String(i)), { address: bobsAddress, port })
          yield* TestClock.adjust(1)
        }
        yield* TestClock.adjust(1000)
        return received.map((line) => Number.parseInt(line, 10))
      })
      const isInOrder = (numbers: ReadonlyArray<number>) => numbers.every((it, i) => i === 0 || numbers[i - 1]! <= it)

      const lossy = yield* send()
      assert.isTrue(lossy.length > 620 && lossy.length < 780, `${lossy.length} arrived`)
      yield* network.setLink({ loss: 0, duplication: 0.1, jitterMillis: 5 })
      const doubled = yield* send()
      assert.isTrue(doubled.length > 1060 && doubled.length < 1140, `${doubled.length} arrived`)
      assert.isTrue(isInOrder(doubled), "jitter keeps the order")
      yield* network.setLink({ duplication: 0, reordering: 0.1 })
      const reordered = yield* send()
      assert.strictEqual(reordered.length, 1000)
      assert.isFalse(isInOrder(reordered))
    }).pipe(Random.withSeed("link")),
  )

  it.effect("take a link of their own between two hosts, in one direction or both", () =>
    Effect.gen(function* () {
      const { network, alice, bob, from, to, received } = yield* pair({ link: { latencyMillis: 10 } })
      const back = yield* collect(from)
      yield* network.setLinkFrom(alice, bob, { loss: 1 })
      const exchange = Effect.gen(function* () {
        from.send(bytes("there"), { address: bobsAddress, port })
        to.send(bytes("back"), { address: alicesAddress, port })
        yield* TestClock.adjust(10)
      })
      yield* exchange
      assert.deepStrictEqual([received.length, back.length], [0, 1])
      yield* network.setLinkBetween(alice, bob, { connected: false })
      yield* exchange
      assert.deepStrictEqual([received.length, back.length], [0, 1])
      yield* network.setLinkBetween(alice, bob, {})
      yield* exchange
      assert.deepStrictEqual([received.length, back.length], [1, 2])
    }),
  )

  it.effect("under way are bounded", () =>
    Effect.gen(function* () {
      const { from, received } = yield* pair({ link: { latencyMillis: 10 }, maxInFlight: 100 })
      for (let i = 0; i < 1000; i++) from.send(bytes("x"), { address: bobsAddress, port })
      yield* TestClock.adjust(10)
      assert.strictEqual(received.length, 100)
      from.send(bytes("x"), { address: bobsAddress, port })
      yield* TestClock.adjust(10)
      assert.strictEqual(received.length, 101)
    }),
  )

  it.effect("happen again in the same way with the same seed", () => {
    const trace = (seed: string) =>
      Effect.gen(function* () {
        const events: Array<NetworkEvent> = []
        const network = yield* MemoryNetwork.make({
          link: { latencyMillis: 20, jitterMillis: 30, loss: 0.2, duplication: 0.1, reordering: 0.1 },
          observe: (event) => events.push(event),
        })
        const home = yield* network.nat({ address: "203.0.113.5", kind: natKinds.symmetric })
        const alice = yield* network.host({ address: "192.168.1.10", nat: home })
        const bob = yield* network.host({ address: bobsAddress })
        const from = yield* alice.peerTransport.bind({ port: 0 })
        const to = yield* bob.peerTransport.bind({ port })
        yield* to.receive((datagram, back) => to.send(datagram, back))
        for (let i = 0; i < 200; i++) {
          from.send(bytes("x".repeat(i)), { address: bobsAddress, port })
          yield* TestClock.adjust(3)
        }
        yield* TestClock.adjust(1000)
        const start = events[0]!.at
        return events.map(({ at, event, reason, from, to, bytes }) => [at - start, event, reason, from, to, bytes])
      }).pipe(Random.withSeed(seed), Effect.scoped)
    return Effect.gen(function* () {
      const first = yield* trace("one")
      assert.isAbove(first.length, 500)
      assert.deepStrictEqual(yield* trace("one"), first)
      assert.notDeepEqual(yield* trace("two"), first)
    })
  })
})

describe("hosts", () => {
  it.effect("give a port to one holder at a time, as a kernel does", () =>
    Effect.gen(function* () {
      const network = yield* MemoryNetwork.make()
      const host = yield* network.host({ address: [alicesAddress, "2001:db8::1"] })
      const { bind } = host.peerTransport
      const reason = (address: string | undefined, port: number) =>
        Effect.match(Effect.scoped(bind({ address, port })), {
          onFailure: (error) => error.reason,
          onSuccess: () => "Bound" as const,
        })

      const scope = yield* Scope.make()
      yield* Scope.provide(bind({ address: alicesAddress, port }), scope)
      assert.strictEqual(yield* reason(alicesAddress, port), "InUse")
      assert.strictEqual(yield* reason("0.0.0.0", port), "InUse")
      assert.strictEqual(yield* reason(undefined, port), "InUse")
      assert.strictEqual(yield* reason("127.0.0.1", port), "Bound")
      assert.strictEqual(yield* reason("2001:db8::1", port), "Bound")
      assert.strictEqual(yield* reason(undefined, port + 1), "Bound")
      assert.strictEqual(yield* reason(bobsAddress, port), "NoSuchAddress")
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* reason(undefined, port), "Bound")
    }),
  )

  it.effect("choose a free port for port 0", () =>
    Effect.gen(function* () {
      const network = yield* MemoryNetwork.make()
      const host = yield* network.host({ address: alicesAddress })
      const ports = new Set<number>()
      for (let i = 0; i < 100; i++) ports.add((yield* host.peerTransport.bind({ port: 0 })).local.port)
      assert.strictEqual(ports.size, 100)
      assert.isTrue([...ports].every((port) => port >= 49_152 && port <= 65_535))
    }),
  )

  it.effect("close a socket with its scope and drop what comes later", () =>
    Effect.gen(function* () {
      const { bob, from } = yield* pair({ link: { latencyMillis: 10 } })
      const scope = yield* Scope.make()
      const socket = yield* Scope.provide(bob.peerTransport.bind({ port: 1000 }), scope)
      const received = yield* Scope.provide(collect(socket), scope)
      from.send(bytes("x"), { address: bobsAddress, port: 1000 })
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust(10)
      assert.deepStrictEqual(received, [])
      socket.send(bytes("x"), { address: alicesAddress, port })
    }),
  )

  it.effect("hand datagrams to the newest handler only", () =>
    Effect.gen(function* () {
      const { from, to, received } = yield* pair()
      const scope = yield* Scope.make()
      const newer = yield* Scope.provide(collect(to), scope)
      from.send(bytes("x"), { address: bobsAddress, port })
      yield* TestClock.adjust(0)
      assert.deepStrictEqual([received.length, newer.length], [0, 1])
      yield* Scope.close(scope, Exit.void)
      from.send(bytes("x"), { address: bobsAddress, port })
      yield* TestClock.adjust(0)
      assert.deepStrictEqual([received.length, newer.length], [0, 1])
    }),
  )

  it.effect("reach themselves by loopback and by their own address", () =>
    Effect.gen(function* () {
      const { alice, from } = yield* pair({ link: { loss: 1 } })
      const received = yield* collect(yield* alice.peerTransport.bind({ port: 1000 }))
      from.send(bytes("a"), { address: "127.0.0.1", port: 1000 })
      from.send(bytes("b"), { address: "::1", port: 1000 })
      from.send(bytes("c"), { address: alicesAddress, port: 1000 })
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(received, ["a from 127.0.0.1:55000", "b from [::1]:55000", "c from 192.0.2.1:55000"])
    }),
  )

  it.effect("send from an address of the family they send to", () =>
    Effect.gen(function* () {
      const network = yield* MemoryNetwork.make()
      const alice = yield* network.host({ address: [alicesAddress, "2001:db8::a"] })
      const bob = yield* network.host({ address: [bobsAddress, "2001:db8::b"] })
      const received = yield* collect(yield* bob.peerTransport.bind({ port }))
      const any = yield* alice.peerTransport.bind({ port })
      any.send(bytes("six"), { address: "2001:db8::b", port })
      any.send(bytes("four"), { address: bobsAddress, port })
      const four = yield* alice.peerTransport.bind({ port: 1000, address: alicesAddress })
      four.send(bytes("lost"), { address: "2001:db8::b", port })
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(received, ["six from [2001:db8::a]:55000", "four from 192.0.2.1:55000"])
    }),
  )

  it.effect("hear nothing while they are down", () =>
    Effect.gen(function* () {
      const { bob, from, to, received } = yield* pair({ link: { latencyMillis: 10 } })
      from.send(bytes("on the way"), { address: bobsAddress, port })
      yield* bob.setUp(false)
      to.send(bytes("nothing"), { address: alicesAddress, port })
      yield* TestClock.adjust(10)
      yield* bob.setUp(true)
      from.send(bytes("later"), { address: bobsAddress, port })
      yield* TestClock.adjust(10)
      assert.deepStrictEqual(received, ["later from 192.0.2.1:55000"])
    }),
  )

  it.effect("keep their sockets when they move to another network", () =>
    Effect.gen(function* () {
      const { network, alice, bob, from, received } = yield* pair()
      const home = yield* network.nat({ address: "203.0.113.5", kind: natKinds.portRestrictedCone })
      const bound = yield* alice.peerTransport.bind({ port: 1000, address: alicesAddress })
      yield* alice.move({ address: "192.168.1.10", nat: home })
      from.send(bytes("from home"), { address: bobsAddress, port })
      bound.send(bytes("lost"), { address: bobsAddress, port })
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(received, ["from home from 203.0.113.5:55000"])
      assert.deepStrictEqual(yield* alice.addresses, ["192.168.1.10"])
      yield* bob.move({ address: "198.51.100.3" })
      from.send(bytes("too late"), { address: bobsAddress, port })
      yield* TestClock.adjust(0)
      assert.strictEqual(received.length, 1)
    }),
  )

  it.effect("resolve the names of the network, and addresses to themselves", () =>
    Effect.gen(function* () {
      const network = yield* MemoryNetwork.make({ names: { "Chat.example": bobsAddress } })
      const { resolve } = (yield* network.host({ address: alicesAddress })).peerTransport
      assert.strictEqual(yield* resolve("chat.EXAMPLE"), bobsAddress)
      assert.strictEqual(yield* resolve("2001:DB8:0::1"), "2001:db8::1")
      yield* network.setName("chat.example", undefined)
      assert.strictEqual((yield* Effect.flip(resolve("chat.example"))).host, "chat.example")
    }),
  )
})
