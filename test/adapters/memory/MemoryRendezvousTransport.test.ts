import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { MemoryNetwork, type Options } from "../../../src/adapters/memory/MemoryNetwork.ts"
import { natKinds } from "../../../src/adapters/memory/NatKind.ts"
import { windowBytes } from "../../../src/adapters/memory/StreamEnd.ts"
import { type Connection, outboxBytes } from "../../../src/services/RendezvousTransport.ts"

const serverAddress = "203.0.113.10"
const port = 6969

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const receiveText = (connection: Connection) => Effect.map(connection.receive, text)
const reasonOf = (connection: Connection) => Effect.map(Effect.flip(connection.receive), (error) => error.reason)

const world = Effect.fnUntraced(function* (options?: Options) {
  const network = yield* MemoryNetwork.make(options)
  const server = yield* network.host({ name: "server", address: serverAddress })
  const client = yield* network.host({ name: "client", address: "192.0.2.1" })
  const listener = yield* server.rendezvousTransport.listen({ address: "0.0.0.0", port })
  const connect = client.rendezvousTransport.connect({ host: serverAddress, port })
  return { network, server, client, listener, connect }
})

/** A server whose handler waits, and the first connection from both ends. */
const connected = Effect.fnUntraced(function* (options?: Options) {
  const all = yield* world(options)
  const accepted = Deferred.makeUnsafe<Connection>()
  const hangUp = Deferred.makeUnsafe<void>()
  const serving = yield* Effect.forkScoped(
    all.listener.serve((connection) => Effect.andThen(Deferred.succeed(accepted, connection), Deferred.await(hangUp))),
  )
  const scope = yield* Scope.make()
  const connecting = yield* Effect.forkChild(Scope.provide(all.connect, scope))
  yield* TestClock.adjust(1000)
  const there = yield* Deferred.await(accepted)
  const here = yield* Fiber.join(connecting)
  return { ...all, scope, serving, here, there, hangUp: Deferred.succeed(hangUp, undefined) }
})

describe("connect", () => {
  it.effect("takes a round trip and shows both ends their addresses", () =>
    Effect.gen(function* () {
      const { listener, connect } = yield* world({ link: { latencyMillis: 50 } })
      const remotes: Array<Connection> = []
      yield* Effect.forkScoped(
        listener.serve((connection) =>
          Effect.andThen(
            Effect.sync(() => remotes.push(connection)),
            Effect.never,
          ),
        ),
      )
      const fiber = yield* Effect.forkScoped(connect)
      yield* TestClock.adjust(99)
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust(1)
      const here = yield* Fiber.join(fiber)
      assert.deepStrictEqual(here.remote, { address: serverAddress, port })
      assert.strictEqual(here.local.address, "192.0.2.1")
      assert.deepStrictEqual(remotes[0]?.remote, here.local)
      assert.deepStrictEqual(remotes[0]?.local, here.remote)
    }),
  )

  it.effect("says why it fails", () =>
    Effect.gen(function* () {
      const { network, server, client } = yield* world({ link: { latencyMillis: 50 }, names: { there: serverAddress } })
      const reason = Effect.fnUntraced(function* (host: string, port: number, localAddress?: string) {
        const connect = client.rendezvousTransport.connect({ host, port, localAddress })
        const fiber = yield* Effect.forkChild(Effect.flip(Effect.scoped(connect)))
        yield* TestClock.adjust(10_000)
        return (yield* Fiber.join(fiber)).reason
      })
      assert.strictEqual(yield* reason("nowhere", port), "UnknownHost")
      assert.strictEqual(yield* reason("there", 1), "Refused")
      assert.strictEqual(yield* reason(serverAddress, port, "192.0.2.77"), "NoSuchLocalAddress")
      assert.strictEqual(yield* reason("2001:db8::1", port), "Unreachable")
      assert.strictEqual(yield* reason("192.0.2.99", port), "TimedOut")
      yield* server.setUp(false)
      assert.strictEqual(yield* reason(serverAddress, port), "TimedOut")
      yield* server.setUp(true)
      yield* network.setLinkBetween(client, server, { connected: false })
      assert.strictEqual(yield* reason(serverAddress, port), "TimedOut")
    }),
  )

  it.effect("from behind a NAT shows the NAT's address; to behind a NAT nobody answers", () =>
    Effect.gen(function* () {
      const { network, server, client, listener } = yield* world()
      const home = yield* network.nat({ address: "198.51.100.1", kind: natKinds.carrierGrade })
      const first = yield* network.host({ address: "192.168.1.10", nat: home })
      const second = yield* network.host({ address: "192.168.1.11", nat: home })
      const remotes: Array<string> = []
      yield* Effect.forkScoped(
        listener.serve(({ remote }) => Effect.sync(() => remotes.push(`${remote.address} ${remote.port}`))),
      )
      yield* first.rendezvousTransport.connect({ host: serverAddress, port })
      yield* second.rendezvousTransport.connect({ host: serverAddress, port })
      assert.strictEqual(new Set(remotes).size, 2)
      assert.isTrue(remotes.every((remote) => remote.startsWith("198.51.100.1 ")))

      yield* first.rendezvousTransport.listen({ address: "0.0.0.0", port })
      const fiber = yield* Effect.forkScoped(
        Effect.flip(client.rendezvousTransport.connect({ host: "198.51.100.1", port })),
      )
      yield* TestClock.adjust(10_000)
      assert.strictEqual((yield* Fiber.join(fiber)).reason, "TimedOut")
      yield* Effect.scoped(second.rendezvousTransport.connect({ host: "192.168.1.10", port }))
      assert.isDefined(server)
    }),
  )
})

describe("listen", () => {
  it.effect("refuses a port that is taken and an address that is not there", () =>
    Effect.gen(function* () {
      const { server } = yield* world()
      const reason = (address: string, port: number) =>
        Effect.map(Effect.flip(Effect.scoped(server.rendezvousTransport.listen({ address, port }))), (it) => it.reason)
      assert.strictEqual(yield* reason(serverAddress, port), "InUse")
      assert.strictEqual(yield* reason("192.0.2.99", port), "NoSuchAddress")
      const { local } = yield* server.rendezvousTransport.listen({ address: "127.0.0.1", port: 0 })
      assert.isAbove(local.port, 49_151)
    }),
  )

  it.effect("frees its port and resets those still waiting when its scope closes", () =>
    Effect.gen(function* () {
      const network = yield* MemoryNetwork.make()
      const server = yield* network.host({ address: serverAddress })
      const scope = yield* Scope.make()
      yield* Scope.provide(server.rendezvousTransport.listen({ address: "::", port }), scope)
      const connect = server.rendezvousTransport.connect({ host: "127.0.0.1", port })
      const connection = yield* connect
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust(0)
      assert.strictEqual(yield* reasonOf(connection), "Reset")
      assert.strictEqual((yield* Effect.flip(connect)).reason, "Refused")
      yield* server.rendezvousTransport.listen({ address: "::", port })
    }),
  )
})

describe("a connection", () => {
  it.effect("carries text in order, however the latency changes", () =>
    Effect.gen(function* () {
      const { network, here, there } = yield* connected({ link: { latencyMillis: 100 } })
      here.send("one ")
      yield* network.setLink({ latencyMillis: 1 })
      here.send("two ")
      here.send("")
      here.send("drei \u{1F600}")
      yield* TestClock.adjust(99)
      const reading = yield* Effect.forkChild(receiveText(there))
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* Fiber.join(reading), "one two drei \u{1F600}")
    }),
  )

  it.effect("can be ended by one side while the other goes on", () =>
    Effect.gen(function* () {
      const { here, there } = yield* connected({ link: { latencyMillis: 10 } })
      here.send("last words")
      const ending = yield* Effect.forkChild(here.end, { startImmediately: true })
      here.send("too late")
      yield* TestClock.adjust(10)
      assert.strictEqual(yield* receiveText(there), "last words")
      assert.strictEqual(yield* reasonOf(there), "Ended")
      assert.strictEqual(yield* reasonOf(there), "Ended")
      there.send("an answer")
      yield* TestClock.adjust(10)
      assert.strictEqual(yield* receiveText(here), "an answer")
      assert.isUndefined(ending.pollUnsafe())
      yield* Effect.forkChild(there.end, { startImmediately: true })
      yield* TestClock.adjust(10)
      assert.strictEqual(yield* reasonOf(here), "Ended")
      yield* Fiber.join(ending)
    }),
  )

  it.effect("that is ended is cut off when the other side does not end, too, within two seconds", () =>
    Effect.gen(function* () {
      const { here, there } = yield* connected({ link: { latencyMillis: 10 } })
      const ending = yield* Effect.forkChild(here.end, { startImmediately: true })
      yield* TestClock.adjust(1999)
      assert.isUndefined(ending.pollUnsafe())
      assert.isTrue(there.isOpen())
      yield* TestClock.adjust(11)
      yield* Fiber.join(ending)
      assert.isFalse(there.isOpen())
    }),
  )

  it.effect("is ended when the handler is done, after what waits is sent", () =>
    Effect.gen(function* () {
      const { here, there, hangUp } = yield* connected()
      there.send("bye")
      yield* hangUp
      yield* TestClock.adjust(0)
      assert.strictEqual(yield* receiveText(here), "bye")
      assert.strictEqual(yield* reasonOf(here), "Ended")
    }),
  )

  it.effect("that the handler is done with swallows what still comes until its last words are sent", () =>
    Effect.gen(function* () {
      const { here, there, hangUp } = yield* connected()
      here.send("x".repeat(200_000))
      yield* TestClock.adjust(0)
      there.send("y".repeat(200_000))
      yield* hangUp
      yield* TestClock.adjust(0)
      here.send("x".repeat(200_000))
      yield* here.drained
      let received = 0
      const end = yield* Effect.flip(
        Effect.forever(
          Effect.andThen(
            TestClock.adjust(0),
            Effect.map(here.receive, ({ length }) => (received += length)),
          ),
        ),
      )
      assert.deepStrictEqual([end.reason, received], ["Ended", 200_000])
    }),
  )

  it.effect("is reset two seconds after the handler is done if the client does not read", () =>
    Effect.gen(function* () {
      const { here, there, hangUp } = yield* connected()
      there.send("x".repeat(windowBytes + 100_000))
      yield* hangUp
      yield* TestClock.adjust(2000)
      let length = 0
      const reason = yield* Effect.flip(
        Effect.forever(Effect.map(here.receive, (bytes) => void (length += bytes.length))),
      )
      assert.strictEqual(reason.reason, "Reset")
      assert.isAtMost(length, windowBytes)
    }),
  )

  it.effect("is ended when the client's scope closes; what the server says then is lost without a word", () =>
    Effect.gen(function* () {
      const { scope, here, there } = yield* connected()
      here.send("CLOSE\n")
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust(0)
      assert.strictEqual(yield* receiveText(there), "CLOSE\n")
      assert.strictEqual(yield* reasonOf(there), "Ended")
      there.send("x".repeat(outboxBytes + windowBytes + 1))
      yield* TestClock.adjust(0)
      yield* there.drained
      yield* there.end
    }),
  )

  it.effect("drains while the other side reads", () =>
    Effect.gen(function* () {
      const { here, there } = yield* connected()
      const length = 500_000
      here.send("x".repeat(length))
      const draining = yield* Effect.forkChild(here.drained)
      yield* TestClock.adjust(0)
      assert.isUndefined(draining.pollUnsafe())
      let received = 0
      while (received < length) {
        received += (yield* there.receive).length
        yield* TestClock.adjust(0)
      }
      assert.strictEqual(received, length)
      yield* Fiber.join(draining)
    }),
  )

  it.effect("is reset when more than its outbox waits for a side that does not read", () =>
    Effect.gen(function* () {
      const { here, there } = yield* connected()
      here.send("x".repeat(outboxBytes))
      yield* TestClock.adjust(0)
      here.send("x".repeat(windowBytes))
      yield* TestClock.adjust(0)
      assert.isTrue(Option.isNone(yield* Effect.timeoutOption(here.receive, 0)))
      here.send("x")
      yield* here.drained
      yield* here.end
      assert.strictEqual(yield* reasonOf(here), "Reset")
      yield* TestClock.adjust(0)
      assert.strictEqual((yield* there.receive).length, windowBytes)
      assert.strictEqual(yield* reasonOf(there), "Reset")
    }),
  )

  it.effect("can be cut", () =>
    Effect.gen(function* () {
      const { network, client, here, there } = yield* connected({ link: { latencyMillis: 10 } })
      yield* network.cutStreams(client)
      assert.strictEqual(yield* reasonOf(here), "Reset")
      yield* TestClock.adjust(10)
      assert.strictEqual(yield* reasonOf(there), "Reset")
    }),
  )

  it.effect("stands still while a host is down, and goes on afterwards", () =>
    Effect.gen(function* () {
      const { network, client, server, here, there } = yield* connected({ link: { latencyMillis: 10 } })
      yield* server.setUp(false)
      here.send("one ")
      yield* TestClock.adjust(60_000)
      here.send("two")
      yield* server.setUp(true)
      yield* TestClock.adjust(10)
      assert.strictEqual(yield* receiveText(there), "one two")
      yield* network.setLinkBetween(client, server, { connected: false })
      there.send("three")
      yield* TestClock.adjust(60_000)
      yield* network.setLinkBetween(client, server, {})
      yield* TestClock.adjust(10)
      assert.strictEqual(yield* receiveText(here), "three")
    }),
  )
})

describe("serve", () => {
  it.effect("ends its connections when it is interrupted, after what waits is sent", () =>
    Effect.gen(function* () {
      const { serving, here, there } = yield* connected()
      there.send("ERROR Shutting_down\n")
      yield* Fiber.interrupt(serving)
      yield* TestClock.adjust(0)
      assert.strictEqual(yield* receiveText(here), "ERROR Shutting_down\n")
      assert.strictEqual(yield* reasonOf(here), "Ended")
    }),
  )

  it.effect("goes on when a handler dies", () =>
    Effect.gen(function* () {
      const { listener, connect } = yield* world()
      let served = 0
      yield* Effect.forkScoped(
        listener.serve(() =>
          Effect.suspend(() => {
            served += 1
            return served === 1 ? Effect.die(new Cause.NoSuchElementError("the first one")) : Effect.never
          }),
        ),
      )
      assert.strictEqual(yield* reasonOf(yield* connect), "Ended")
      yield* connect
      assert.strictEqual(served, 2)
    }),
  )
})
