/**
 * The wire of an agreed call beside its link: what waits for a handler, and whose the port is.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, type Scope } from "effect"
import * as MemoryNetwork from "nomitm/adapters/memory/MemoryNetwork"
import * as LinkChannel from "nomitm/domain/call/LinkChannel"
import * as AgreedWire from "nomitm/services/link/AgreedWire"
import { PeerTransport } from "nomitm/services/PeerTransport"
import * as PortKeeper from "nomitm/services/link/PortKeeper"
import { maxWaitingEvents, type WireEvent } from "nomitm/services/link/SealedLink"
import { inVirtualTime } from "../../virtualTime.ts"
import { bytesOf } from "../server/SecureStage.ts"

const address = "198.51.100.1"
const remote = { address: "198.51.100.2", port: 50_001 }

interface Stage {
  readonly transport: PeerTransport["Service"]
  readonly wire: AgreedWire.AgreedWire
  readonly hungUp: () => number
  readonly relayed: Array<Uint8Array>
  readonly isFree: (port: number) => Effect.Effect<boolean>
}

const promise = (
  name: string,
  program: (stage: Stage) => Effect.Effect<void, unknown, Scope.Scope>,
  bindMillis = 0,
): void =>
  it.effect(name, () =>
    inVirtualTime(
      Effect.gen(function* () {
        const network = yield* MemoryNetwork.MemoryNetwork.make({ link: { latencyMillis: 1 } })
        const { layer } = yield* network.host({ address })
        return yield* Effect.gen(function* () {
          const real = yield* PeerTransport
          const bind: typeof real.bind = (options) => Effect.andThen(Effect.sleep(bindMillis), real.bind(options))
          let hungUp = 0
          const relayed: Array<Uint8Array> = []
          const wire = yield* AgreedWire.make(PortKeeper.make({ ...real, bind }, address), {
            relay: (record) => relayed.push(record) > 0,
            tell: () => {},
            hangUp: Effect.sync(() => void hungUp++),
          })
          return yield* program({
            transport: real,
            wire,
            hungUp: () => hungUp,
            relayed,
            isFree: (port) => Effect.map(Effect.option(Effect.scoped(real.bind({ port, address }))), Option.isSome),
          })
        }).pipe(Effect.provide(Layer.fresh(layer)))
      }).pipe(Effect.scoped),
    ),
  )

const listen = Effect.fnUntraced(function* ({ wire }: AgreedWire.AgreedWire) {
  const events: Array<WireEvent> = []
  yield* wire.receive((event) => void events.push(event))
  return events
})
const record = (n: number) => bytesOf(`record ${n}`, 40)
const told = (n: number): WireEvent => ({
  _tag: "Told",
  message: { type: LinkChannel.candidates, body: Uint8Array.of(n) },
})

describe("what waits for a handler", () => {
  promise("is bounded: the first records, the last messages, and whatever comes once", ({ wire }) =>
    Effect.gen(function* () {
      for (let n = 0; n < 100; n++) {
        wire.hear({ _tag: "Relayed", record: record(n) })
        wire.hear(told(n))
        wire.hear({ _tag: "RelayRefused" })
      }
      yield* wire.gone("Peer_gone")
      yield* wire.gone("Peer_gone")
      const events = yield* listen(wire)
      const kept = Array.from({ length: maxWaitingEvents }, (_, n) => n)
      assert.deepStrictEqual(
        events.filter((event) => event._tag === "Relayed"),
        kept.map((n) => ({ _tag: "Relayed" as const, record: record(n) })),
      )
      assert.deepStrictEqual(
        events.filter((event) => event._tag === "Told"),
        kept.map((n) => told(n + 36)),
      )
      assert.lengthOf(events, 2 * maxWaitingEvents + 2)
      assert.deepStrictEqual(events.at(-1), { _tag: "Gone", code: "Peer_gone" })
    }),
  )

  promise("is for one handler at a time, and comes to the next when that one has gone", ({ wire }) =>
    Effect.gen(function* () {
      yield* Effect.scoped(listen(wire))
      wire.hear(told(1))
      const first = yield* listen(wire)
      const second = yield* listen(wire)
      wire.hear(told(2))
      assert.deepStrictEqual([first, second], [[told(1)], [told(2)]])
    }),
  )
})

describe("records", () => {
  promise("go out until the server relays none, or the wire is gone", ({ wire, relayed }) =>
    Effect.gen(function* () {
      assert.isTrue(wire.wire.relay(record(1)))
      wire.hear({ _tag: "RelayRefused" })
      assert.isFalse(wire.wire.relay(record(2)))
      assert.deepStrictEqual(relayed, [record(1)])
    }),
  )
})

describe("the port", () => {
  promise("is the one that was kept; the socket outlives the way through the server", ({ wire, isFree }) =>
    Effect.gen(function* () {
      const events = yield* listen(wire)
      assert.isTrue(yield* wire.keep(remote.port))
      yield* wire.start(remote)
      yield* wire.gone("Server_lost")
      const [started] = events
      assert(started?._tag === "Started")
      assert.deepStrictEqual([started.port?.socket.local.port, started.remote], [remote.port, remote])
      assert.isFalse(yield* isFree(remote.port))
      yield* wire.release
      assert.isTrue(yield* isFree(remote.port))
    }),
  )

  promise("is any other if somebody else has it after all", ({ wire, transport }) =>
    Effect.gen(function* () {
      const events = yield* listen(wire)
      yield* transport.bind({ port: remote.port, address })
      assert.isFalse(yield* wire.keep(remote.port))
      yield* wire.start(remote)
      const [started] = events
      assert(started?._tag === "Started" && started.port !== undefined)
      assert.notStrictEqual(started.port.socket.local.port, remote.port)
      assert.deepStrictEqual(started.remote, remote)
    }),
  )

  promise("is any other where number after number is taken, as for two on one machine", ({ wire, transport, isFree }) =>
    Effect.gen(function* () {
      const events = yield* listen(wire)
      const numbers = [remote.port, remote.port + 1, remote.port + 2]
      for (const port of numbers) yield* transport.bind({ port, address })
      assert.deepStrictEqual(yield* Effect.forEach(numbers, wire.keep), [false, true, true])
      yield* wire.start({ ...remote, port: numbers[2]! })
      const [started] = events
      assert(started?._tag === "Started" && started.port !== undefined)
      const { port } = started.port.socket.local
      assert.notInclude(numbers, port)
      assert.isFalse(yield* isFree(port))
      yield* wire.release
      assert.isTrue(yield* isFree(port))
    }),
  )

  promise("that was kept is given back when only the server's way is left, or that is gone", ({ wire, isFree }) =>
    Effect.gen(function* () {
      yield* wire.keep(remote.port)
      yield* wire.start(undefined)
      assert.isTrue(yield* isFree(remote.port))
      yield* wire.keep(remote.port)
      yield* wire.gone("Failed")
      assert.isTrue(yield* isFree(remote.port))
    }),
  )

  for (const what of ["keep", "start"] as const) {
    promise(
      `is given back if all is over while it is being bound (${what}), and who does that is interrupted`,
      ({ wire, isFree, hungUp }) =>
        Effect.gen(function* () {
          const binding = yield* Effect.forkChild(what === "keep" ? wire.keep(remote.port) : wire.start(remote), {
            startImmediately: true,
          })
          yield* Effect.sleep("50 millis")
          const interrupted = yield* Effect.forkChild(Fiber.interrupt(binding), { startImmediately: true })
          yield* wire.release
          yield* Fiber.join(interrupted)
          yield* Effect.sleep("1 second")
          assert.isTrue(yield* isFree(remote.port))
          assert.strictEqual(hungUp(), 1)
          // And nothing is bound any more.
          assert.isFalse(yield* wire.keep(remote.port))
          yield* wire.start(remote)
          assert.isTrue(yield* isFree(remote.port))
        }),
      100,
    )
  }
})
