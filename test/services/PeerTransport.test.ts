import { assert, describe } from "@effect/vitest"
import { Effect, Exit, Queue, Scope, Stream } from "effect"
import type { Endpoint } from "nomitm/domain/Endpoint"
import { datagrams, type PeerSocket, PeerTransport } from "nomitm/services/PeerTransport"
import { type World, worlds } from "./worlds.ts"

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (payload: Uint8Array) => new TextDecoder().decode(payload)

/** What arrives, as text with its source. */
const hear = Effect.fnUntraced(function* (socket: PeerSocket) {
  const heard = yield* Queue.unbounded<{ readonly text: string; readonly from: Endpoint }>()
  yield* socket.receive((payload, { address, port }) => {
    Queue.offerUnsafe(heard, { text: text(payload), from: { address, port } })
  })
  return Queue.take(heard)
})

describe.each(worlds)("UDP ports $name", (world: World) => {
  world.test("carry datagrams both ways and say where from", (host) =>
    Effect.gen(function* () {
      const { bind: bind1 } = yield* Effect.provide(PeerTransport, host(1))
      const { bind: bind2 } = yield* Effect.provide(PeerTransport, host(2))
      const a = yield* bind1({ port: 0, address: world.address(1) })
      const b = yield* bind2({ port: 0, address: world.address(2) })
      assert.strictEqual(a.local.address, world.address(1))
      const atA = yield* hear(a)
      const atB = yield* hear(b)
      a.send(bytes("to b"), b.local)
      assert.deepEqual(yield* atB, { text: "to b", from: a.local })
      b.send(bytes("to a"), a.local)
      assert.deepEqual(yield* atA, { text: "to a", from: b.local })
      b.send(new Uint8Array(0), a.local)
      assert.deepEqual(yield* atA, { text: "", from: b.local })
    }),
  )

  world.test("bound to all addresses show IPv4 sources as IPv4", (host) =>
    Effect.gen(function* () {
      const { bind: bind1 } = yield* Effect.provide(PeerTransport, host(1))
      const { bind: bind2 } = yield* Effect.provide(PeerTransport, host(2))
      const a = yield* bind1({ port: 0 })
      const b = yield* bind2({ port: 0, address: world.address(2) })
      const atA = yield* hear(a)
      const atB = yield* hear(b)
      b.send(bytes("hello"), { address: world.address(1), port: a.local.port })
      const { from } = yield* atA
      assert.deepEqual(from, b.local)
      a.send(bytes("back"), from)
      assert.strictEqual((yield* atB).text, "back")
    }),
  )

  world.test("are one program's at a time", (host) =>
    Effect.gen(function* () {
      const { bind } = yield* Effect.provide(PeerTransport, host(1))
      const scope = yield* Scope.fork(yield* Effect.scope)
      const first = yield* Scope.provide(bind({ port: 0 }), scope)
      const { port } = first.local
      assert.strictEqual((yield* Effect.flip(bind({ port }))).reason, "InUse")
      // The way the older client finds out whether a port is free: held at any address is held.
      assert.strictEqual((yield* Effect.flip(bind({ port, address: world.address(1) }))).reason, "InUse")
      yield* Scope.close(scope, Exit.void)
      first.send(bytes("after the end"), { address: world.address(2), port })
      yield* bind({ port })
    }),
  )

  world.test("say why they can't be bound, and take any datagram", (host) =>
    Effect.gen(function* () {
      const { bind, resolve } = yield* Effect.provide(PeerTransport, host(1))
      assert.strictEqual((yield* Effect.flip(bind({ port: 0, address: "192.0.2.1" }))).reason, "NoSuchAddress")
      const socket = yield* bind({ port: 0, address: world.address(1) })
      // Too large for UDP, to nobody, to an address of the other family: lost, and nothing else.
      socket.send(new Uint8Array(70_000), { address: world.address(2), port: 9 })
      socket.send(bytes("x"), { address: world.address(2), port: 9 })
      socket.send(bytes("x"), { address: "::1", port: 9 })
      const heard = yield* hear(socket)
      socket.send(bytes("to itself"), socket.local)
      assert.strictEqual((yield* heard).text, "to itself")
      assert.strictEqual(yield* resolve("::FFFF:192.0.2.7"), "192.0.2.7")
      assert.strictEqual((yield* Effect.flip(resolve("no-such-host.invalid"))).host, "no-such-host.invalid")
    }),
  )

  world.test("are a bounded stream, too", (host) =>
    Effect.gen(function* () {
      const { bind } = yield* Effect.provide(PeerTransport, host(1))
      const socket = yield* bind({ port: 0, address: world.address(1) })
      const taken: Array<string> = []
      yield* datagrams(socket, 2).pipe(
        Stream.runForEach(({ payload }) =>
          Effect.andThen(
            Effect.sync(() => taken.push(text(payload))),
            Effect.sleep(20),
          ),
        ),
        Effect.forkScoped({ startImmediately: true }),
      )
      yield* Effect.sleep(20)
      for (let i = 0; i < 50; i++) socket.send(bytes(`${i}`), socket.local)
      yield* Effect.sleep(500)
      assert.strictEqual(taken[0], "0")
      assert.isAtMost(taken.length, 10)
      assert.deepEqual(taken, [...new Set(taken)])
    }),
  )
})
