import { assert, describe } from "@effect/vitest"
import { Deferred, Effect, Scope } from "effect"
import { type Connection, outboxBytes, RendezvousTransport } from "nomitm/services/RendezvousTransport"
import { tlsWorlds, type World, worlds } from "./worlds.ts"

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

/** Everything up to the end of the stream, and how it ended. */
const readAll = (connection: Connection) =>
  Effect.gen(function* () {
    let all = ""
    const { reason } = yield* Effect.flip(
      Effect.forever(
        Effect.map(connection.receive, (chunk) => {
          all += text(chunk)
        }),
      ),
    )
    return [all, reason] as const
  })

describe.each([...worlds, ...tlsWorlds])("connections $name", (world: World) => {
  /** A server that runs `handler` for each connection, and a client. */
  const between = (
    name: string,
    handler: (connection: Connection) => Effect.Effect<void>,
    program: (connection: Connection) => Effect.Effect<void, unknown, Scope.Scope>,
  ) =>
    world.test(name, (host) =>
      Effect.gen(function* () {
        const { listen } = yield* Effect.provide(RendezvousTransport, host(1))
        const { connect } = yield* Effect.provide(RendezvousTransport, host(2))
        const listener = yield* listen({ address: world.address(1), port: 0 })
        yield* Effect.forkScoped(listener.serve(handler), { startImmediately: true })
        const connection = yield* connect({
          host: world.address(1),
          port: listener.local.port,
          localAddress: world.address(2),
        })
        assert.strictEqual(connection.remote.port, listener.local.port)
        assert.strictEqual(connection.local.address, world.address(2))
        return yield* program(connection)
      }),
    )

  const echo = (connection: Connection) =>
    connection.receive.pipe(
      Effect.flatMap((chunk) => Effect.sync(() => connection.send(text(chunk)))),
      Effect.forever,
      Effect.ignore,
    )

  between("carry text both ways, in order", echo, (connection) =>
    Effect.gen(function* () {
      for (let i = 0; i < 100; i++) connection.send(`line ${i} äöü 名\n`)
      let heard = ""
      while (!heard.endsWith("line 99 äöü 名\n")) heard += text(yield* connection.receive)
      assert.deepEqual(
        heard.trimEnd().split("\n"),
        Array.from({ length: 100 }, (_, i) => `line ${i} äöü 名`),
      )
    }),
  )

  between(
    "deliver everything before the end",
    () => Effect.void,
    (connection) =>
      Effect.gen(function* () {
        assert.deepEqual(yield* readAll(connection), ["", "Ended"])
        // It stays so.
        assert.strictEqual((yield* Effect.flip(connection.receive)).reason, "Ended")
        connection.send("nobody reads this")
        yield* connection.drained
      }),
  )

  const large = "x".repeat(200_000)
  between(
    "send what waits when a handler is done",
    (connection) => Effect.sync(() => connection.send(large)),
    (connection) =>
      Effect.gen(function* () {
        const [all, reason] = yield* readAll(connection)
        assert.strictEqual(all.length, large.length)
        assert.strictEqual(reason, "Ended")
      }),
  )

  between(
    "let the other side answer after the end",
    (connection) =>
      Effect.gen(function* () {
        const [all] = yield* readAll(connection)
        connection.send(`you said ${all}`)
      }),
    (connection) =>
      Effect.gen(function* () {
        connection.send("goodbye")
        yield* Effect.forkScoped(connection.end)
        assert.deepEqual(yield* readAll(connection), ["you said goodbye", "Ended"])
      }),
  )

  const wasReset = Deferred.makeUnsafe<string>()
  between(
    "are cut when the other side reads nothing and the outbox is full",
    (connection) =>
      Effect.gen(function* () {
        yield* connection.receive
        // What the system keeps for a connection comes on top of the outbox: megabytes on a real machine.
        const piece = "x".repeat(64 * 1024)
        for (let sent = 0; sent < 64 * outboxBytes; sent += piece.length) connection.send(piece)
        assert.isFalse(connection.isOpen())
        Deferred.doneUnsafe(wasReset, Effect.succeed((yield* Effect.flip(connection.receive)).reason))
      }).pipe(Effect.ignore),
    (connection) =>
      Effect.gen(function* () {
        connection.send("go on")
        assert.strictEqual(yield* Deferred.await(wasReset), "Reset")
      }),
  )

  const wasMeasured = Deferred.makeUnsafe<number>()
  between(
    "tell how much waits for the other side to read it, and that nothing does when it has",
    (connection) =>
      Effect.gen(function* () {
        yield* connection.receive
        assert.strictEqual(connection.queued(), 0)
        const piece = "x".repeat(64 * 1024)
        // The system takes its part first; what it does not take waits here.
        while (connection.queued() < 500_000) connection.send(piece)
        assert.isAtMost(connection.queued(), 500_000 + piece.length)
        Deferred.doneUnsafe(wasMeasured, Effect.succeed(connection.queued()))
        while (connection.queued() > 0) yield* Effect.sleep(10)
      }).pipe(Effect.ignore),
    (connection) =>
      Effect.gen(function* () {
        connection.send("go on")
        const waiting = yield* Deferred.await(wasMeasured)
        const [all, reason] = yield* readAll(connection)
        assert.isAtLeast(all.length, waiting)
        assert.strictEqual(reason, "Ended")
      }),
  )

  between("that were cut take nothing more", echo, (connection) =>
    Effect.gen(function* () {
      connection.send("hello")
      assert.strictEqual(text(yield* connection.receive), "hello")
      connection.abort()
      assert.isFalse(connection.isOpen())
      connection.send("nobody reads this")
      yield* connection.drained
      yield* connection.end
      assert.strictEqual((yield* Effect.flip(connection.receive)).reason, "Reset")
    }),
  )

  world.test("say why a server can't be reached", (host) =>
    Effect.gen(function* () {
      const { connect, listen } = yield* Effect.provide(RendezvousTransport, host(1))
      const scope = yield* Scope.fork(yield* Effect.scope)
      const listener = yield* Scope.provide(listen({ address: world.address(1), port: 0 }), scope)
      const { port } = listener.local
      const inUse = yield* Effect.flip(listen({ address: world.address(1), port }))
      assert.strictEqual(inUse.reason, "InUse")
      const elsewhere = yield* Effect.flip(listen({ address: "192.0.2.1", port: 0 }))
      assert.strictEqual(elsewhere.reason, "NoSuchAddress")
      const nobody = yield* Effect.flip(connect({ host: world.address(1), port: 1 }))
      assert.strictEqual(nobody.reason, "Refused")
      const fromElsewhere = yield* Effect.flip(connect({ host: world.address(1), port, localAddress: "192.0.2.1" }))
      assert.strictEqual(fromElsewhere.reason, "NoSuchLocalAddress")
      const unknown = yield* Effect.flip(connect({ host: "no-such-host.invalid", port }))
      assert.strictEqual(unknown.reason, "UnknownHost")
    }),
  )
})
