/**
 * A client at a server that says what a test wants it to. What it says when is tested in `domain/RendezvousLink`; here
 * is what it does: ports, time, and the end.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Queue, Scope } from "effect"
import { MemoryNetwork } from "nomitm/adapters/memory/MemoryNetwork"
import type { Dialect } from "nomitm/domain/Dialect"
import * as LineSplitter from "nomitm/domain/LineSplitter"
import { Username } from "nomitm/domain/Username"
import { RendezvousClient } from "nomitm/services/link/RendezvousClient"
import type { Connection } from "nomitm/services/RendezvousTransport"
import { inVirtualTime } from "../../virtualTime.ts"

const [alice, bob] = [Username.make("alice"), Username.make("bob")]
const serverAt = "198.51.100.1"

/** A server of bare lines, and where alice is. */
const setting = Effect.fnUntraced(function* (dialect: Dialect) {
  const network = yield* MemoryNetwork.make({ link: { latencyMillis: 3 } })
  const server = yield* network.host({ address: serverAt })
  const ours = yield* network.host({ address: "198.51.100.2" })
  const listener = yield* server.rendezvousTransport.listen({ address: serverAt, port: 6969 })
  const lines = yield* Queue.unbounded<string>()
  let connection: Connection | undefined
  yield* Effect.forkScoped(
    listener.serve((current) =>
      Effect.gen(function* () {
        connection = current
        let splitter = LineSplitter.initial
        for (;;) {
          const [next, complete] = LineSplitter.push(splitter, yield* current.receive)
          splitter = next
          for (const line of complete) if (line._tag === "Line") yield* Queue.offer(lines, line.text)
        }
      }).pipe(Effect.ignore, Effect.andThen(Effect.never)),
    ),
  )
  const write = (text: string) => Effect.sync(() => connection?.send(text))
  const say = (...all: ReadonlyArray<string>) => write(all.map((line) => `${line}\n`).join(""))
  const hear = Queue.take(lines)
  const connect = Effect.flatMap(RendezvousClient, (client) =>
    client.connect({ server: { host: serverAt, port: 6969 }, name: alice, dialect, available: () => true }),
  ).pipe(Effect.provide(RendezvousClient.layer.pipe(Layer.provide(ours.layer))))
  const welcome = Effect.gen(function* () {
    assert.strictEqual(yield* hear, "HELLO")
    yield* say("HELLO")
    assert.strictEqual(yield* hear, "REGISTER alice")
    yield* say(dialect === "readme" ? "REGISTER alice OK" : "REGISTERED alice OK")
  })
  return {
    write,
    say,
    hear,
    heard: Queue.clear(lines),
    finish: Effect.suspend(() => connection?.end ?? Effect.void),
    connect,
    /** alice, registered. */
    link: Effect.map(Effect.all([connect, welcome], { concurrency: 2 }), ([link]) => link),
    /** Whether alice's port can be bound. */
    isFree: (port: number) =>
      Effect.map(Effect.exit(Effect.scoped(ours.peerTransport.bind({ port }))), ({ _tag }) => _tag === "Success"),
  }
})

describe.each(["readme", "original"] as const)("a client in the %s dialect", (dialect) => {
  it.effect("hears the last line of a server that ends the connection without a line end", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const { connect, hear, write, finish } = yield* setting(dialect)
        const failing = yield* Effect.forkChild(Effect.flip(connect), { startImmediately: true })
        yield* hear
        yield* write("ERROR Server_full")
        yield* Effect.forkChild(finish)
        assert.deepInclude(yield* Fiber.join(failing), { _tag: "Refused", code: "Server_full" })
      }),
    ),
  )

  it.effect("gives the port back and lists on, when the call of somebody else comes to nothing", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const { link, say, hear, isFree } = yield* setting(dialect)
        const alices = yield* link
        yield* say("PORT 40001")
        assert.strictEqual(yield* hear, "OK")
        assert.isFalse(yield* isFree(40_001))
        const users = yield* Effect.forkChild(alices.users, { startImmediately: true })
        if (dialect === "readme") assert.strictEqual(yield* hear, "LISTUSERS")
        yield* say(dialect === "readme" ? "ERROR Peer_gone carol" : "ERROR Peer_gone")
        if (dialect === "original") assert.strictEqual(yield* hear, "LISTUSERS")
        yield* say("STARTUSERS", "bob", "ENDUSERS")
        assert.deepStrictEqual(yield* Fiber.join(users), [bob])
        assert.isTrue(yield* isFree(40_001))
      }),
      "5 seconds",
    ),
  )

  it.effect("holds the port of a chat as long as the scope it was taken in, whatever becomes of the link", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const { link, say, isFree } = yield* setting(dialect)
        const chat = yield* Scope.fork(yield* Effect.scope)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const alices = yield* link
            yield* say("STARTCHAT 198.51.100.3 40001 bob", "STARTCHAT 198.51.100.3 40002 bob")
            assert.strictEqual((yield* Scope.provide(alices.incoming, chat)).socket.local.port, 40_001)
            yield* Effect.sleep(100)
            assert.isFalse(yield* isFree(40_002), "nobody has taken it up yet")
          }),
        )
        assert.deepStrictEqual([yield* isFree(40_001), yield* isFree(40_002)], [false, true])
        yield* Scope.close(chat, Exit.void)
        assert.isTrue(yield* isFree(40_001))
      }),
    ),
  )

  it.effect("keeps no port of a call that nobody waits for, whenever it is interrupted", () =>
    Effect.forEach([0, 1, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 20], (millis) =>
      inVirtualTime(
        Effect.gen(function* () {
          const { link, say, hear, isFree } = yield* setting(dialect)
          const alices = yield* link
          const talk = yield* Effect.forkChild(Effect.scoped(Effect.andThen(alices.call(bob), Effect.never)), {
            startImmediately: true,
          })
          const server = yield* Effect.forkChild(
            Effect.gen(function* () {
              assert.strictEqual(yield* hear, "CHAT bob")
              yield* say("PORT 40001")
              yield* hear
              yield* say("STARTCHAT 198.51.100.3 40001 bob")
            }),
          )
          yield* Effect.sleep(millis)
          yield* Fiber.interrupt(talk)
          yield* Fiber.join(server)
          yield* Effect.sleep(100)
          // It may have come as somebody else's call.
          yield* Effect.timeoutOption(Effect.scoped(alices.incoming), 1)
          assert.isTrue(yield* isFree(40_001), `interrupted after ${millis} ms`)
        }),
      ),
    ),
  )

  it.effect("refuses a second call at once, and fails what waits when the link ends", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const { link, finish } = yield* setting(dialect)
        const alices = yield* link
        const first = yield* Effect.forkChild(Effect.flip(alices.call(bob)), { startImmediately: true })
        assert.deepInclude(yield* Effect.flip(alices.call(bob)), { _tag: "Refused", code: "Already_calling" })
        const incoming = yield* Effect.forkChild(Effect.flip(alices.incoming), { startImmediately: true })
        yield* Effect.forkChild(finish)
        for (const waiting of [first, incoming]) {
          assert.deepInclude(yield* Fiber.join(waiting), { _tag: "LinkLost", reason: "Closed" })
        }
        assert.strictEqual((yield* alices.lost).message, "The server closed the connection")
        assert.strictEqual((yield* Effect.flip(alices.users))._tag, "LinkLost")
        assert.strictEqual((yield* Effect.flip(alices.call(bob)))._tag, "LinkLost")
      }),
    ),
  )
})

it.effect("an error says in words what the server's code word means", () =>
  inVirtualTime(
    Effect.gen(function* () {
      const { connect, hear, say } = yield* setting("readme")
      const failing = yield* Effect.forkChild(Effect.flip(connect), { startImmediately: true })
      yield* hear
      yield* say("ERROR User_exists")
      assert.strictEqual((yield* Fiber.join(failing)).message, "The server refused: User_exists (This name is taken.)")
    }),
  ),
)
