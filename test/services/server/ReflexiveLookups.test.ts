/**
 * Lookups by what goes in and out of the server's UDP ports, whatever it is. (What clients see of them:
 * `SecureServer.lookups.test.ts`.)
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as Arbitrary from "effect/Arbitrary"
import * as NodeCryptography from "nomitm/adapters/node/NodeCryptography"
import type { Endpoint } from "nomitm/domain/Endpoint"
import * as Lookup from "nomitm/domain/reach/Lookup"
import { BindError, PeerTransport } from "nomitm/services/PeerTransport"
import * as ReflexiveLookups from "nomitm/services/server/ReflexiveLookups"
import { integer, oneOf } from "../../domain/arbitraries.ts"
import { bytesOf, primitives } from "./SecureStage.ts"

/** Ports that hear what a test hands them, and note what is sent. */
class Ports {
  readonly handlers = new Map<string, (datagram: Uint8Array, from: Endpoint) => void>()
  sent: Array<{ readonly datagram: Uint8Array; readonly to: Endpoint }> = []
  inUse = new Set<number>()
  private last = 40_000

  readonly layer = Layer.succeed(
    PeerTransport,
    PeerTransport.of({
      bind: ({ port, address = "::" }) =>
        this.inUse.has(port)
          ? Effect.fail(new BindError({ reason: "InUse", address, port }))
          : Effect.sync(() => {
              const local = { address, port: port === 0 ? ++this.last : port }
              return {
                local,
                send: (datagram, to) => void this.sent.push({ datagram: Uint8Array.from(datagram), to }),
                receive: (handler) => Effect.sync(() => void this.handlers.set(`${address} ${local.port}`, handler)),
              }
            }),
      resolve: (host) => Effect.succeed(host),
      addresses: Effect.succeed([]),
    }),
  )
}

const start = Effect.fnUntraced(function* (ports: Ports, options: Partial<ReflexiveLookups.Options> = {}) {
  const layer = ReflexiveLookups.layer({ address: "192.0.2.1", ports: [6969, 6970], ...options })
  const context = yield* Layer.build(layer.pipe(Layer.provide([ports.layer, NodeCryptography.layer])))
  return Context.get(context, ReflexiveLookups.ReflexiveLookups)
})

const from = { address: "198.51.100.7", port: 54_321 }
const request = (grant: ReflexiveLookups.Grant, n = 0): Uint8Array =>
  Lookup.encodeRequest(primitives, Lookup.keys(primitives, grant.key), {
    token: grant.token,
    transaction: bytesOf(`t${n}`, Lookup.transactionBytes),
  })

/** Where a byte is changed, and how; or what is cut off or added. */
const change = Arbitrary.all([integer(0, 63), integer(1, 255)])
const datagrams = Arbitrary.array(
  oneOf<(genuine: Uint8Array) => Uint8Array>(
    Arbitrary.map(
      change,
      ([at, by]) =>
        (genuine) =>
          genuine.map((byte, i) => (i === at ? byte ^ by : byte)),
    ),
    Arbitrary.map(integer(0, 80), (length) => (genuine) => {
      const other = new Uint8Array(length)
      other.set(genuine.subarray(0, length))
      return other
    }),
    Arbitrary.map(integer(0, 1500), (length) => () => bytesOf("noise", length)),
  ),
  { maxLength: 60 },
)

describe("the UDP ports of a server", () => {
  it.effect.prop(
    "never say more than they are asked with, and nothing but to the one who asks, whatever comes",
    [datagrams],
    ([changes]) =>
      Effect.gen(function* () {
        const ports = new Ports()
        const lookups = yield* start(ports)
        const grant = lookups.grant(1)!
        for (const [n, changed] of changes.entries()) {
          const genuine = request(grant, n)
          const datagram = changed(genuine)
          for (const handler of ports.handlers.values()) handler(datagram, from)
          const isGenuine = datagram.length === 64 && datagram.every((byte, i) => byte === genuine[i])
          assert.isAtMost(ports.sent.length, isGenuine ? ports.handlers.size : 0)
          for (const { datagram: reply, to } of ports.sent) {
            assert.isAtMost(reply.length, datagram.length)
            assert.deepStrictEqual(to, from)
          }
          ports.sent = []
        }
      }).pipe(Effect.scoped),
    { arbitrary: { runs: 60, size: 60 } },
  )

  it.effect("are two, and the same two at another address", () =>
    Effect.gen(function* () {
      const ports = new Ports()
      const { places } = yield* start(ports, { ports: [0, 0], alternate: "192.0.2.2" })
      assert.deepStrictEqual(places?.ports, [40_001, 40_002])
      assert.deepStrictEqual(
        [...ports.handlers.keys()],
        ["192.0.2.1 40001", "192.0.2.1 40002", "192.0.2.2 40001", "192.0.2.2 40002"],
      )
    }),
  )

  it.effect("that are in use are named, and the server does not start", () =>
    Effect.gen(function* () {
      const ports = new Ports()
      ports.inUse.add(6970)
      const error = yield* Effect.flip(start(ports))
      assert.strictEqual(error.message, "Can't bind UDP 192.0.2.1:6970: the port is in use")
    }),
  )

  it.effect("answer nobody at an address that is not one host's", () =>
    Effect.gen(function* () {
      const ports = new Ports()
      const grant = (yield* start(ports)).grant(1)!
      const [handler] = ports.handlers.values()
      for (const address of ["255.255.255.255", "224.0.0.1", "0.0.0.0", "ff02::1", "::"]) {
        handler!(request(grant), { address, port: 5 })
      }
      assert.deepStrictEqual(ports.sent, [])
      handler!(request(grant), from)
      assert.lengthOf(ports.sent, 1)
    }),
  )

  it.effect("keep one token for a connection, and none when it is over, however often one is asked for", () =>
    Effect.gen(function* () {
      const ports = new Ports()
      const lookups = yield* start(ports)
      const grants = Array.from({ length: 50 }, (_, n) => lookups.grant(n % 2)!)
      const [handler] = ports.handlers.values()
      const answered = () => {
        for (const grant of grants) handler!(request(grant), from)
        const count = ports.sent.length
        ports.sent = []
        return count
      }
      assert.strictEqual(answered(), 2)
      lookups.revoke(0)
      lookups.revoke(0)
      assert.strictEqual(answered(), 1)
      lookups.revoke(1)
      assert.strictEqual(answered(), 0)
    }),
  )
})
