/**
 * Which NATs two peers get through without a relay (RFC 5128, section 3.3), in the network as in the textbooks.
 *
 * ```
 *              server (tells each its server-reflexive endpoint)
 *                 |
 *   alice -- NAT -+- NAT -- bob
 * ```
 */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import { TestClock } from "effect/testing"
import { MemoryNetwork } from "../../../src/adapters/memory/MemoryNetwork.ts"
import { type NatKind, natKinds } from "../../../src/adapters/memory/NatKind.ts"
import * as Endpoint from "../../../src/domain/Endpoint.ts"
import type { PeerSocket } from "../../../src/services/PeerTransport.ts"

const port = 55_000
const serverAddress = "203.0.113.10"
const server: Endpoint.Endpoint = { address: serverAddress, port: 3478 }
const probe = new TextEncoder().encode("probe")

const world = Effect.fnUntraced(function* (alicesKind: NatKind, bobsKind: NatKind) {
  const network = yield* MemoryNetwork.make({ link: { latencyMillis: 20 } })
  const host = yield* network.host({ address: serverAddress })
  const reflector = yield* host.peerTransport.bind({ port: server.port })
  yield* reflector.receive((_, from) => reflector.send(new TextEncoder().encode(JSON.stringify(from)), from))

  const peer = Effect.fnUntraced(function* (kind: NatKind, outside: string, inside: string) {
    // Behind a firewall an address is what it is outside.
    const isFirewall = kind === "firewall"
    const nat = yield* network.nat({ address: isFirewall ? [] : outside, kind: natKinds[kind] })
    const host = yield* network.host({ address: isFirewall ? outside : inside, nat })
    return yield* host.peerTransport.bind({ port })
  })
  return [
    yield* peer(alicesKind, "198.51.100.1", "192.168.1.10"),
    yield* peer(bobsKind, "198.51.100.2", "192.168.2.20"),
  ] as const
})

/** Asks the server how the socket looks from outside; nothing if there is no answer. */
const reflexive = Effect.fnUntraced(function* (socket: PeerSocket) {
  let found: Endpoint.Endpoint | undefined
  yield* socket.receive((datagram) => {
    found = JSON.parse(new TextDecoder().decode(datagram)) as Endpoint.Endpoint
  })
  socket.send(probe, server)
  yield* TestClock.adjust(100)
  return found
})

/** Sends to where the other was seen, and to wherever something comes from, for five seconds; whether something came. */
const punch = Effect.fnUntraced(function* (socket: PeerSocket, other: Endpoint.Endpoint) {
  const targets = new Map([[Endpoint.format(other), other]])
  const heard = Deferred.makeUnsafe<void>()
  yield* socket.receive((_, from) => {
    targets.set(Endpoint.format(from), from)
    Deferred.doneUnsafe(heard, Effect.void)
  })
  yield* Effect.sync(() => {
    for (const target of targets.values()) socket.send(probe, target)
  }).pipe(Effect.repeat(Schedule.spaced(250)), Effect.timeoutOption(5000))
  return Deferred.isDoneUnsafe(heard)
})

const connects = Effect.fnUntraced(function* (alicesKind: NatKind, bobsKind: NatKind) {
  const [alice, bob] = yield* world(alicesKind, bobsKind)
  const alicesEndpoint = yield* reflexive(alice)
  const bobsEndpoint = yield* reflexive(bob)
  if (alicesEndpoint === undefined || bobsEndpoint === undefined) return false
  const both = yield* Effect.forkScoped(
    Effect.all([punch(alice, bobsEndpoint), punch(bob, alicesEndpoint)], { concurrency: 2 }),
    { startImmediately: true },
  )
  yield* TestClock.adjust(5000)
  const exit = both.pollUnsafe()
  return exit?._tag === "Success" && exit.value[0] && exit.value[1]
}, Effect.scoped)

const kinds = Object.keys(natKinds) as Array<NatKind>

/** Those whose outside port nobody can know before they send. */
const isSymmetric = (kind: NatKind): boolean => kind.toLowerCase().includes("symmetric")

/** What two peers get through that answer to the source they observe. */
const expected = (a: NatKind, b: NatKind): boolean => {
  if (a === "datagramsBlocked" || b === "datagramsBlocked") return false
  if (isSymmetric(a) && isSymmetric(b)) return false
  const other = isSymmetric(a) ? b : isSymmetric(b) ? a : undefined
  return other === undefined || natKinds[other].filtering !== "address-and-port-dependent"
}

describe("hole punching", () => {
  for (const a of kinds) {
    it.effect(`from behind ${a}`, () =>
      Effect.gen(function* () {
        for (const b of kinds) {
          assert.strictEqual(yield* connects(a, b), expected(a, b), `${a} and ${b}`)
          assert.strictEqual(yield* connects(b, a), expected(a, b), `${b} and ${a}`)
        }
      }).pipe(Random.withSeed(a)),
    )
  }

  it.effect("opens a hole for the one it was made for only", () =>
    Effect.gen(function* () {
      const [alice, bob] = yield* world("portRestrictedCone", "portRestrictedCone")
      const received: Array<string> = []
      yield* alice.receive((_, from) => received.push(Endpoint.format(from)))
      bob.send(probe, { address: "198.51.100.1", port })
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(received, [])
      alice.send(probe, { address: "198.51.100.2", port })
      yield* TestClock.adjust(100)
      bob.send(probe, { address: "198.51.100.1", port })
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(received, ["198.51.100.2:55000"])
    }),
  )

  it.effect("works through two NATs in a row; within one home only by the inside address or hairpinning", () =>
    Effect.gen(function* () {
      const network = yield* MemoryNetwork.make({ link: { latencyMillis: 20 } })
      const carrier = yield* network.nat({ address: "198.51.100.1", kind: natKinds.carrierGrade })
      const home = yield* network.nat({ address: "100.64.0.2", nat: carrier, kind: natKinds.portRestrictedCone })
      const neighbour = yield* network.nat({ address: "100.64.0.3", nat: carrier, kind: natKinds.portRestrictedCone })
      const alice = yield* network.host({ address: "192.168.1.10", nat: home })
      const sister = yield* network.host({ address: "192.168.1.11", nat: home })
      const bob = yield* network.host({ address: "192.168.1.10", nat: neighbour })
      const far = yield* network.host({ address: "203.0.113.7" })

      const heard: Array<string> = []
      const bind = Effect.fnUntraced(function* (name: string, host: typeof alice) {
        const socket = yield* host.peerTransport.bind({ port })
        yield* socket.receive((_, from) => {
          heard.push(`${name} ${from.address}`)
          seen.set(name, from)
        })
        return socket
      })
      const seen = new Map<string, Endpoint.Endpoint>()
      const sockets = {
        alice: yield* bind("alice", alice),
        sister: yield* bind("sister", sister),
        bob: yield* bind("bob", bob),
        far: yield* bind("far", far),
      }
      const reflexiveOf = Effect.fnUntraced(function* (name: "alice" | "sister" | "bob") {
        sockets[name].send(probe, { address: "203.0.113.7", port })
        yield* TestClock.adjust(100)
        return seen.get("far")!
      })
      const alices = yield* reflexiveOf("alice")
      const bobs = yield* reflexiveOf("bob")
      const sisters = yield* reflexiveOf("sister")
      assert.deepStrictEqual(heard, ["far 198.51.100.1", "far 198.51.100.1", "far 198.51.100.1"])
      assert.strictEqual(new Set([alices.port, bobs.port, sisters.port]).size, 3)

      heard.length = 0
      for (let i = 0; i < 2; i++) {
        sockets.alice.send(probe, bobs)
        sockets.bob.send(probe, alices)
        yield* TestClock.adjust(100)
      }
      // The carrier's NAT turns them around.
      assert.includeMembers(heard, ["alice 198.51.100.1", "bob 198.51.100.1"])

      heard.length = 0
      sockets.alice.send(probe, { address: "192.168.1.11", port })
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(heard, ["sister 192.168.1.10"])
    }).pipe(Random.withSeed("nested")),
  )
})
