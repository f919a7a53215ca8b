import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Dgram from "node:dgram"
import { vi } from "vitest"
import * as NodePeerTransport from "../../../src/adapters/node/NodePeerTransport.ts"
import { canonicalAddress } from "../../../src/domain/Endpoint.ts"
import { type PeerSocket, PeerTransport } from "../../../src/services/PeerTransport.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** What a socket receives, as `text from address`. */
const hear = Effect.fnUntraced(function* (socket: PeerSocket) {
  const heard = yield* Queue.unbounded<string>()
  yield* socket.receive((payload, { address, port }) => {
    Queue.offerUnsafe(heard, `${new TextDecoder().decode(payload)} from ${address} ${port}`)
  })
  return Effect.timeout(Queue.take(heard), 2000)
})

/** What is told to the system about datagrams, in its order: hop limits that are set, and what is sent. */
const watch = Effect.acquireRelease(
  Effect.sync(() => {
    const calls: Array<string> = []
    const { send, setTTL } = Dgram.Socket.prototype
    const spies = [
      vi.spyOn(Dgram.Socket.prototype, "setTTL").mockImplementation(function (this: Dgram.Socket, ttl) {
        calls.push(`limit ${ttl}`)
        return setTTL.call(this, ttl)
      }),
      vi.spyOn(Dgram.Socket.prototype, "send").mockImplementation(function (
        this: Dgram.Socket,
        ...args: Array<unknown>
      ) {
        calls.push(new TextDecoder().decode(args[0] as Uint8Array))
        return Reflect.apply(send, this, args)
      }),
    ]
    return { calls, spies }
  }),
  ({ spies }) => Effect.sync(() => spies.forEach((spy) => spy.mockRestore())),
).pipe(Effect.map(({ calls }) => calls))

describe("a hop limit", () => {
  it.live("is that of one datagram, however many are sent in one turn, in both families", () =>
    Effect.gen(function* () {
      const { bind } = yield* PeerTransport
      const socket = yield* bind({ port: 0 })
      const calls = yield* watch
      for (const address of ["127.0.0.1", "::1"]) {
        calls.length = 0
        const to = { address, port: socket.local.port }
        socket.send(bytes("a"), to)
        socket.send(bytes("b"), to, 4)
        socket.send(bytes("c"), to, 5)
        socket.send(bytes("d"), to)
        assert.deepEqual(calls, ["a", "limit 4", "b", "limit 64", "limit 5", "c", "limit 64", "d"])
      }
    }).pipe(Effect.scoped, Effect.provide(NodePeerTransport.layer)),
  )

  it.live("that is none sends nothing, and none is set after the end", () =>
    Effect.gen(function* () {
      const { bind } = yield* PeerTransport
      const calls = yield* watch
      const socket = yield* Effect.scoped(
        Effect.map(bind({ port: 0 }), (socket) => {
          for (const ttl of [0, -1, 256, 1.5, Number.NaN]) socket.send(bytes("x"), socket.local, ttl)
          return socket
        }),
      )
      socket.send(bytes("x"), { address: "127.0.0.1", port: 9 }, 4)
      socket.send(bytes("x"), { address: "::1", port: 9 }, 4)
      assert.deepEqual(calls, [])
    }).pipe(Effect.scoped, Effect.provide(NodePeerTransport.layer)),
  )
})

describe("a port at all addresses", () => {
  it.live("is reached over IPv4 always, and over IPv6 from the first datagram on that it sends there", () =>
    Effect.gen(function* () {
      const { bind } = yield* PeerTransport
      const socket = yield* bind({ port: 0 })
      const { port } = socket.local
      const heard = yield* hear(socket)
      for (const address of ["127.0.0.1", "::1"]) {
        const other = yield* bind({ port: 0, address })
        const answer = yield* hear(other)
        socket.send(bytes("there"), other.local)
        assert.strictEqual(yield* answer, `there from ${address} ${port}`)
        other.send(bytes("back"), { address, port })
        assert.strictEqual(yield* heard, `back from ${address} ${other.local.port}`)
      }
    }).pipe(Effect.scoped, Effect.provide(NodePeerTransport.layer)),
  )

  it.live("named :: is free in both families, and reached over both from the start", () =>
    Effect.gen(function* () {
      const { bind } = yield* PeerTransport
      const socket = yield* bind({ port: 0, address: "::" })
      const { port } = socket.local
      const heard = yield* hear(socket)
      for (const address of ["127.0.0.1", "::1"]) {
        assert.strictEqual((yield* Effect.flip(bind({ port, address }))).reason, "InUse")
        const other = yield* bind({ port: 0, address })
        other.send(bytes("hello"), { address, port })
        assert.strictEqual(yield* heard, `hello from ${address} ${other.local.port}`)
      }
      const taken = yield* bind({ port: 0, address: "::1" })
      const { reason } = yield* Effect.flip(bind({ port: taken.local.port, address: "::" }))
      assert.strictEqual(reason, "InUse")
      // Nothing of the attempt is left.
      yield* bind({ port: taken.local.port, address: "127.0.0.1" })
    }).pipe(Effect.scoped, Effect.provide(NodePeerTransport.layer)),
  )

  it.live("does without IPv6 while somebody else has the port there", () =>
    Effect.gen(function* () {
      const { bind } = yield* PeerTransport
      const taken = yield* bind({ port: 0, address: "::1" })
      const socket = yield* bind({ port: taken.local.port })
      socket.send(bytes("x"), taken.local)
      const heard = yield* hear(socket)
      socket.send(bytes("x"), { address: "127.0.0.1", port: socket.local.port })
      assert.strictEqual(yield* heard, `x from 127.0.0.1 ${socket.local.port}`)
    }).pipe(Effect.scoped, Effect.provide(NodePeerTransport.layer)),
  )
})

it.live("addresses are canonical, of this machine, and loopback comes last", () =>
  Effect.gen(function* () {
    const { addresses, bind } = yield* PeerTransport
    const all = yield* addresses
    assert.include(all, "127.0.0.1")
    assert.strictEqual(new Set(all).size, all.length)
    const loopback = all.map((address) => address.startsWith("127.") || address === "::1")
    assert.deepEqual(
      loopback,
      loopback.toSorted((a, b) => Number(a) - Number(b)),
    )
    for (const address of all) {
      assert.deepEqual(canonicalAddress(address), Option.some(address))
      assert.notMatch(address, /^fe80|^169\.254|%/)
      yield* Effect.scoped(bind({ port: 0, address }))
    }
  }).pipe(Effect.provide(NodePeerTransport.layer)),
)
