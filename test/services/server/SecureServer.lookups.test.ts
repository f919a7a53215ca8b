/**
 * Reflexive lookups at a server: who asks over UDP is told where it is seen, and nobody else is told anything.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Queue } from "effect"
import * as MemoryNetwork from "nomitm/adapters/memory/MemoryNetwork"
import { natKinds } from "nomitm/adapters/memory/NatKind"
import type { Endpoint } from "nomitm/domain/Endpoint"
import * as Base64Field from "nomitm/domain/nomitm1/Base64Field"
import * as Lookup from "nomitm/domain/reach/Lookup"
import type { ServerEvent } from "nomitm/domain/ServerEvent"
import { type PeerSocket, PeerTransport } from "nomitm/services/PeerTransport"
import { inVirtualTime } from "../../virtualTime.ts"
import * as RawClient from "./RawClient.ts"
import { promiseIn, type Scene } from "./SecureScene.ts"
import * as Stage from "./SecureStage.ts"
import { nodeWorld, type World, worlds } from "../worlds.ts"

const { bytesOf, primitives } = Stage

/** What REFLEX was answered with. */
const granted = (line: string) => {
  const [operation, token, key, address, first, second, alternate] = line.split(" ")
  assert.strictEqual(operation, "REFLEX")
  return {
    token: Base64Field.decode(token, 16)!,
    keys: Lookup.keys(primitives, Base64Field.decode(key, 32)!),
    address: address!,
    ports: [Number(first), Number(second)] as const,
    alternate,
  }
}
type Granted = ReturnType<typeof granted>

/** A UDP socket that asks. */
const asker = Effect.fnUntraced(function* (localAddress: string) {
  const transport = yield* PeerTransport
  const socket: PeerSocket = yield* transport.bind({ port: 0, address: localAddress })
  const heard = yield* Queue.unbounded<Uint8Array>()
  yield* socket.receive((datagram) => void Queue.offerUnsafe(heard, Uint8Array.from(datagram)))
  let asked = 0
  const request = ({ token, keys }: Granted): readonly [Uint8Array, Uint8Array] => {
    const transaction = bytesOf(`transaction ${socket.local.port} ${++asked}`, Lookup.transactionBytes)
    return [Lookup.encodeRequest(primitives, keys, { token, transaction }), transaction]
  }
  return {
    local: socket.local,
    send: socket.send,
    heard,
    request,
    /** Where the server sees this socket. */
    ask: Effect.fnUntraced(function* (grant: Granted, to: Endpoint) {
      const [datagram, transaction] = request(grant)
      socket.send(datagram, to)
      const reply = yield* Effect.timeout(Queue.take(heard), "5 seconds")
      assert.isAtMost(reply.length, datagram.length)
      return Lookup.openReply(primitives, grant.keys, transaction, reply)
    }),
  }
})

const askerAt = ({ host }: Scene, world: World, n: number) => Effect.provide(asker(world.address(n)), host(n))

const reflex = (client: RawClient.RawClient) =>
  Effect.gen(function* () {
    yield* client.say("REFLEX")
    return granted(yield* client.hear)
  })

/** What came in answer by the time that a genuine question is answered as well. */
const answersBefore = Effect.fnUntraced(function* (
  socket: Effect.Success<ReturnType<typeof asker>>,
  grant: Granted,
  to: Endpoint,
) {
  const [datagram, transaction] = socket.request(grant)
  socket.send(datagram, to)
  let answers = 0
  for (;;) {
    const reply = yield* Effect.timeout(Queue.take(socket.heard), "5 seconds")
    if (Lookup.openReply(primitives, grant.keys, transaction, reply) !== undefined) return answers
    answers++
  }
})

describe.each(worlds)("lookups $name", (world) => {
  const promise = promiseIn(world, { lookups: {} })

  promise("tell a client where it is seen, on both ports, before and after it has a name", (scene) =>
    Effect.gen(function* () {
      const client = yield* scene.connect(2)
      const socket = yield* askerAt(scene, world, 2)
      for (const step of ["before", "after"]) {
        const grant = yield* reflex(client)
        assert.strictEqual(grant.address, world.address(2))
        assert.isUndefined(grant.alternate)
        assert.notStrictEqual(grant.ports[0], grant.ports[1])
        for (const port of grant.ports) {
          assert.deepStrictEqual(yield* socket.ask(grant, { address: scene.server.host, port }), socket.local)
        }
        if (step === "after") return
        yield* client.say(Stage.registerLine(yield* Stage.person("alice"), "alice", client.secured))
        assert.strictEqual(yield* client.hear, "REGISTER alice OK")
      }
    }),
  )

  promise("tell each socket its own, whatever host it is on", (scene) =>
    Effect.gen(function* () {
      const grant = yield* reflex(yield* scene.connect(2))
      const to = { address: scene.server.host, port: grant.ports[1] }
      for (const n of [2, 2, 3]) {
        const socket = yield* askerAt(scene, world, n)
        assert.deepStrictEqual(yield* socket.ask(grant, to), socket.local)
      }
    }),
  )

  promise("take the last token of a connection only, and none when it is over", (scene) =>
    Effect.gen(function* () {
      const [client, other] = [yield* scene.connect(2), yield* scene.connect(3)]
      const socket = yield* askerAt(scene, world, 2)
      const [first, second, third] = [yield* reflex(client), yield* reflex(client), yield* reflex(other)]
      const to = { address: scene.server.host, port: first.ports[0] }
      socket.send(socket.request(first)[0], to)
      assert.strictEqual(yield* answersBefore(socket, second, to), 0)
      yield* client.say("CLOSE")
      yield* client.hearUntil("<end>")
      socket.send(socket.request(second)[0], to)
      assert.strictEqual(yield* answersBefore(socket, third, to), 0)
    }),
  )

  promise("answer no forged question, nor anything else", (scene) =>
    Effect.gen(function* () {
      const [client, other] = [yield* scene.connect(2), yield* scene.connect(3)]
      const socket = yield* askerAt(scene, world, 2)
      const [grant, theirs] = [yield* reflex(client), yield* reflex(other)]
      const to = { address: scene.server.host, port: grant.ports[0] }
      const [genuine] = socket.request(grant)
      const forged = [
        ...Array.from({ length: genuine.length }, (_, i) => genuine.map((byte, at) => (at === i ? byte ^ 1 : byte))),
        genuine.subarray(0, 63),
        Uint8Array.from([...genuine, 0]),
        new Uint8Array(0),
        new Uint8Array(64),
        bytesOf("noise", 1200),
        // The token of one with the key of another.
        Lookup.encodeRequest(primitives, theirs.keys, { token: grant.token, transaction: bytesOf("t", 12) }),
      ]
      for (const datagram of forged) socket.send(datagram, to)
      assert.strictEqual(yield* answersBefore(socket, grant, to), 0)
    }),
  )

  promise(
    "are answered forty times at once and twenty times a second for a token, from however many sockets",
    (scene) =>
      Effect.gen(function* () {
        const client = yield* scene.connect(2)
        const sockets = [
          yield* askerAt(scene, world, 2),
          yield* askerAt(scene, world, 2),
          yield* askerAt(scene, world, 3),
        ]
        const grant = yield* reflex(client)
        const since = yield* Clock.currentTimeMillis
        let heard = 0
        /** All that there may have been by now. */
        const most = Effect.map(Clock.currentTimeMillis, (now) => 41 + (20 * (now - since)) / 1000)
        const hear = Effect.fnUntraced(function* (millis: number) {
          yield* Effect.sleep(millis)
          let count = 0
          for (const socket of sockets) count += (yield* Queue.clear(socket.heard)).length
          return count
        })
        /** Asks so often, and waits for so many answers in all, and for those that may be too many. */
        const flood = Effect.fnUntraced(function* (by: Granted, count: number, least: number) {
          for (let n = 0; n < count; n++) {
            const socket = sockets[n % 3]!
            socket.send(socket.request(by)[0], { address: scene.server.host, port: by.ports[n % 2]! })
          }
          for (let i = 0; i < 1000 && heard < least; i++) heard += yield* hear(20)
          heard += yield* hear(100)
        })
        yield* flood(grant, 200, 40)
        assert.isAtLeast(heard, 40)
        assert.isAtMost(heard, yield* most)
        yield* Effect.sleep(900)
        yield* flood(grant, 200, 58)
        assert.isAtLeast(heard, 58)
        assert.isAtMost(heard, yield* most)
        // Another token of the same connection gives nothing back.
        yield* flood(yield* reflex(client), 200, 0)
        assert.isAtMost(heard, yield* most)
      }),
  )

  promiseIn(world)("are refused where there are none", (scene) =>
    Effect.gen(function* () {
      const client = yield* scene.connect(2)
      yield* client.say("REFLEX")
      assert.strictEqual(yield* client.hear, "ERROR Unavailable")
    }),
  )
})

describe("lookups at two addresses", () => {
  const alternate = nodeWorld.address(9)
  const events: Array<ServerEvent> = []
  promiseIn(nodeWorld)(
    "are answered at the other one with the same ports, which whoever runs the server hears of",
    (scene) =>
      Effect.gen(function* () {
        const grant = yield* reflex(yield* scene.connect(2))
        assert.strictEqual(grant.alternate, alternate)
        const socket = yield* askerAt(scene, nodeWorld, 2)
        for (const address of [scene.server.host, alternate]) {
          for (const port of grant.ports) {
            assert.deepStrictEqual(yield* socket.ask(grant, { address, port }), socket.local)
          }
        }
        const listening = events[0]!
        assert.deepInclude(listening, { event: "listening", udp: grant.ports, alternate })
      }),
    { lookups: { alternate }, observe: (event) => void events.push(event) },
  )

  it.effect("show a client behind a NAT the mapping of each of its questions", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const network = yield* MemoryNetwork.MemoryNetwork.make({ link: { latencyMillis: 20 } })
        const here = yield* network.host({ address: ["198.51.100.1", "198.51.100.2"] })
        const nat = yield* network.nat({ kind: natKinds.symmetric, address: "203.0.113.1" })
        const home = yield* network.host({ address: "192.168.1.2", nat })
        const options = { lookups: { alternate: "198.51.100.2" } }
        const server = yield* Stage.startServer("198.51.100.1", here.layer, options)
        const client = yield* Effect.provide(RawClient.connect(server), home.layer)
        const grant = yield* reflex(client)
        assert.strictEqual(grant.address, "203.0.113.1")
        const socket = yield* Effect.provide(asker("192.168.1.2"), home.layer)
        const seen = new Set<number>()
        for (const address of ["198.51.100.1", "198.51.100.2"]) {
          for (const port of grant.ports) {
            const mapped = yield* socket.ask(grant, { address, port })
            assert.strictEqual(mapped?.address, "203.0.113.1")
            seen.add(mapped?.port ?? 0)
          }
        }
        assert.strictEqual(seen.size, 4)
      }),
    ),
  )
})
