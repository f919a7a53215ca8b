import { assert, describe } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Layer, Scope } from "effect"
import * as MemoryScreen from "nomitm/adapters/memory/MemoryScreen"
import type { Dialect } from "nomitm/domain/Dialect"
import type { PeerEvent } from "nomitm/domain/PeerEvent"
import type { Username } from "nomitm/domain/Username"
import { ChatSession } from "nomitm/services/chat/ChatSession"
import { type Options, Peer } from "nomitm/services/peer/Peer"
import { PortAllocator } from "nomitm/services/PortAllocator"
import { RendezvousClient } from "nomitm/services/link/RendezvousClient"
import { RendezvousServer } from "nomitm/services/server/RendezvousServer"
import * as RawClient from "../server/RawClient.ts"
import { type Host, type World, worlds } from "../worlds.ts"

const error = (code: string) => (event: PeerEvent) => event.event === "error" && event.code === code

describe.each(
  worlds.flatMap((world) => (["readme", "original"] as const).map((dialect) => ({ world, dialect, name: world.name }))),
)("a peer in the $dialect dialect $name", ({ world, dialect }: { world: World; dialect: Dialect }) => {
  interface Person {
    readonly screen: MemoryScreen.MemoryScreen
    /** Waits for the end; the exit code. */
    readonly exit: Effect.Effect<number>
    readonly interrupt: Effect.Effect<void>
  }

  interface Setting {
    readonly person: (
      name: string,
      n: number,
      options?: { readonly interactive?: boolean; readonly via?: Options["via"] },
    ) => Effect.Effect<Person, never, Scope.Scope>
    readonly raw: (name: string, n: number) => Effect.Effect<RawClient.RawClient, unknown, Scope.Scope>
    readonly stopServer: Effect.Effect<void>
    readonly startServer: Effect.Effect<void, unknown>
  }

  const promise = (name: string, program: (setting: Setting) => Effect.Effect<void, unknown, Scope.Scope>) =>
    world.test(name, (host: (n: number) => Host) =>
      Effect.gen(function* () {
        const outer = yield* Effect.scope
        let running = yield* Scope.fork(outer)
        let port = 0
        const startServer = Effect.gen(function* () {
          running = yield* Scope.fork(outer)
          const layer = RendezvousServer.layer({ address: world.address(1), port, dialect }).pipe(
            Layer.provide([host(1), PortAllocator.layer()]),
          )
          const server = yield* Effect.provideContext(
            Effect.map(RendezvousServer, (server) => server),
            yield* Layer.buildWithScope(layer, running),
          )
          port = server.local.port
        })
        yield* startServer
        const server = () => ({ host: world.address(1), port })
        return yield* program({
          startServer,
          stopServer: Effect.suspend(() => Scope.close(running, Exit.void)),
          raw: (name, n) => Effect.provide(RawClient.register(server(), name, world.address(n)), host(n)),
          person: Effect.fnUntraced(function* (name, n, options) {
            const screen = yield* MemoryScreen.make({ interactive: options?.interactive ?? true })
            const peer = Effect.flatMap(Peer, (peer) =>
              peer.run({
                name: name as Username,
                dialect,
                localAddress: world.address(n),
                via: options?.via ?? { _tag: "Server", server: server() },
              }),
            ).pipe(
              Effect.provide(
                Peer.layer.pipe(
                  Layer.provide([RendezvousClient.layer, ChatSession.layer, screen.layer]),
                  Layer.provide(host(n)),
                ),
              ),
              Effect.match({ onSuccess: () => 0, onFailure: ({ exitCode }) => exitCode }),
            )
            const fiber = yield* Effect.forkScoped(peer, { startImmediately: true })
            return { screen, exit: Fiber.join(fiber), interrupt: Fiber.interrupt(fiber) }
          }),
        })
      }),
    )

  const connected = Effect.fnUntraced(function* (alice: Person, bob: Person) {
    yield* alice.screen.nextOf("registered")
    yield* bob.screen.nextOf("registered")
    yield* alice.screen.type("/chat bob")
    assert.strictEqual((yield* alice.screen.nextOf("connected")).peer, "bob")
    assert.strictEqual((yield* bob.screen.nextOf("connected")).peer, "alice")
  })

  promise("registers, lists, calls, talks and closes", ({ person }) =>
    Effect.gen(function* () {
      const alice = yield* person("alice", 2)
      assert.deepEqual(yield* alice.screen.next, { event: "registered", name: "alice" })
      const bob = yield* person("bob", 3)
      yield* bob.screen.nextOf("registered")
      yield* alice.screen.type("/list")
      assert.deepEqual(yield* alice.screen.next, { event: "users", users: ["bob"] })
      yield* alice.screen.type("/chat bob")
      assert.deepEqual(yield* alice.screen.next, { event: "calling", peer: "bob" })
      const { address } = yield* alice.screen.nextOf("connected")
      assert.strictEqual(address?.split(":")[0], world.address(3))
      yield* bob.screen.nextOf("connected")
      yield* alice.screen.type("hello")
      yield* alice.screen.type("//home is where")
      assert.deepEqual(yield* bob.screen.next, { event: "message", from: "alice", text: "hello" })
      assert.deepEqual(yield* bob.screen.next, { event: "message", from: "alice", text: "/home is where" })
      yield* bob.screen.type("hi")
      assert.deepEqual(yield* alice.screen.next, { event: "message", from: "bob", text: "hi" })
      yield* bob.screen.type("/close")
      assert.deepEqual(yield* bob.screen.next, { event: "closed", peer: "alice", reason: "closed" })
      assert.deepEqual(yield* alice.screen.next, { event: "closed", peer: "bob", reason: "closed_by_peer" })
      // And once more, the other way round.
      yield* bob.screen.type("/chat alice")
      yield* alice.screen.nextOf("connected")
      yield* bob.screen.nextOf("connected")
      yield* bob.screen.type("/quit")
      assert.strictEqual(yield* bob.exit, 0)
      assert.strictEqual((yield* alice.screen.nextOf("closed")).reason, "closed_by_peer")
      yield* alice.screen.end
      assert.strictEqual(yield* alice.exit, 0)
    }),
  )

  promise("sends what a script typed before the chat was open, in order, and then leaves", ({ person }) =>
    Effect.gen(function* () {
      const bob = yield* person("bob", 3)
      yield* bob.screen.nextOf("registered")
      const alice = yield* person("alice", 2, { interactive: false })
      yield* alice.screen.type("/chat bob")
      for (let i = 0; i < 100; i++) yield* alice.screen.type(`line ${i}`)
      yield* alice.screen.end
      assert.strictEqual(yield* alice.exit, 0)
      for (let i = 0; i < 100; i++) assert.strictEqual((yield* bob.screen.nextOf("message")).text, `line ${i}`)
      assert.strictEqual((yield* bob.screen.nextOf("closed")).reason, "closed_by_peer")
    }),
  )

  promise("says what is wrong, and never sends a mistyped command", ({ person }) =>
    Effect.gen(function* () {
      const [alice, bob] = [yield* person("alice", 2), yield* person("bob", 3)]
      yield* alice.screen.nextOf("registered")
      const mistakes: ReadonlyArray<readonly [string, string]> = [
        ["hello?", "No_chat"],
        ["/close", "No_chat"],
        ["/chat", "Mistyped"],
        ["/chat a b", "Mistyped"],
        ["/chat alice", "Self_call"],
        ["/chat PORTER", "Name_invalid"],
        ["/chat nobody", "User_not_online"],
      ]
      for (const [typed, code] of mistakes) {
        yield* alice.screen.type(typed)
        const said = yield* alice.screen.nextOf("error")
        assert.strictEqual(said.code, code, typed)
        assert.isNotEmpty(said.message)
        assert.isNotEmpty(said.hint)
      }
      yield* connected(alice, bob).pipe(Effect.timeoutOption(0), Effect.ignore)
      yield* alice.screen.type("/chat bob")
      yield* bob.screen.nextOf("connected")
      yield* alice.screen.nextOf("connected")
      yield* alice.screen.type("/cloze")
      assert.include((yield* alice.screen.nextOf("error")).hint, "/close")
      yield* alice.screen.type("/chat carol")
      assert.strictEqual((yield* alice.screen.nextOf("error")).code, "In_chat")
      yield* alice.screen.type("x".repeat(5000))
      assert.strictEqual((yield* alice.screen.nextOf("error")).code, "Too_long")
      yield* alice.screen.type("/help")
      assert.isTrue((yield* alice.screen.nextOf("help")).commands.some(({ usage }) => usage === "/chat NAME"))
      yield* alice.screen.type("all fine")
      assert.strictEqual((yield* bob.screen.nextOf("message")).text, "all fine")
    }),
  )

  promise("tells a caller that it is busy, and stays in its chat", ({ person }) =>
    Effect.gen(function* () {
      // Twenty numbers, and for each a second in which an older client may say OK again.
      if (dialect === "original" && world.name.includes("machine")) return
      const [alice, bob, carol] = [yield* person("alice", 2), yield* person("bob", 3), yield* person("carol", 4)]
      yield* connected(alice, bob)
      yield* carol.screen.nextOf("registered")
      yield* carol.screen.type("/chat bob")
      const { code } = yield* carol.screen.nextOf("error")
      // The older dialect has no word for it: port after port is refused.
      assert.strictEqual(code, dialect === "readme" ? "Busy" : "Too_many_tries")
      yield* alice.screen.type("still here?")
      assert.strictEqual((yield* bob.screen.nextOf("message")).text, "still here?")
    }),
  )

  promise(
    "goes on talking while the server is away, and registers again when it is back",
    ({ person, startServer, stopServer }) =>
      Effect.gen(function* () {
        const [alice, bob] = [yield* person("alice", 2), yield* person("bob", 3)]
        yield* connected(alice, bob)
        yield* stopServer
        yield* Effect.repeat(alice.screen.next, { until: error("Server_lost") })
        yield* alice.screen.type("who needs it")
        assert.strictEqual((yield* bob.screen.nextOf("message")).text, "who needs it")
        yield* alice.screen.type("/list")
        assert.strictEqual((yield* alice.screen.nextOf("error")).code, "Offline")
        yield* startServer
        yield* alice.screen.nextOf("registered")
        yield* bob.screen.nextOf("registered")
        yield* bob.screen.type("back again")
        assert.strictEqual((yield* alice.screen.nextOf("message")).text, "back again")
        yield* alice.screen.type("/list")
        assert.deepEqual((yield* alice.screen.nextOf("users")).users, ["bob"])
      }),
  )

  promise("talks directly, without a server", ({ person, stopServer }) =>
    Effect.gen(function* () {
      yield* stopServer
      const direct = (n: number, port: number, localPort: number): Options["via"] => ({
        _tag: "Direct",
        remote: { host: world.address(n), port },
        localPort,
      })
      const alice = yield* person("alice", 2, { via: direct(3, 21_003, 21_002) })
      assert.strictEqual((yield* alice.screen.nextOf("listening")).port, 21_002)
      yield* alice.screen.type("typed early")
      const bob = yield* person("bob", 3, { via: direct(2, 21_002, 21_003) })
      assert.strictEqual((yield* alice.screen.nextOf("connected")).peer, "bob")
      assert.strictEqual((yield* bob.screen.nextOf("connected")).peer, "alice")
      assert.strictEqual((yield* bob.screen.nextOf("message")).text, "typed early")
      yield* bob.screen.type("/list")
      assert.strictEqual((yield* bob.screen.nextOf("error")).code, "No_server")
      yield* bob.interrupt
      assert.strictEqual((yield* alice.screen.nextOf("closed")).reason, "closed_by_peer")
      assert.strictEqual(yield* alice.exit, 0)
    }),
  )

  promise("fails when the name is taken, or nobody listens there", ({ person, raw, stopServer }) =>
    Effect.gen(function* () {
      yield* raw("alice", 4)
      const alice = yield* person("alice", 2)
      assert.strictEqual((yield* alice.screen.nextOf("error")).code, "User_exists")
      assert.strictEqual(yield* alice.exit, 1)
      yield* stopServer
      const bob = yield* person("bob", 3)
      assert.strictEqual((yield* bob.screen.nextOf("error")).code, "Unreachable")
      assert.strictEqual(yield* bob.exit, 3)
    }),
  )

  promise("tells a script by its exit code what went wrong", ({ person }) =>
    Effect.gen(function* () {
      const alice = yield* person("alice", 2, { interactive: false })
      yield* alice.screen.type("/chat bob")
      yield* alice.screen.type("hello")
      yield* alice.screen.end
      assert.strictEqual((yield* alice.screen.nextOf("error")).code, "User_not_online")
      const { code, message } = yield* alice.screen.nextOf("error")
      assert.deepStrictEqual([code, message], ["Not_sent", 'A text for bob could not be sent: "hello".'])
      assert.strictEqual(yield* alice.exit, 1)
    }),
  )

  promise("does not wait for ever for somebody who never sends", ({ person, raw }) =>
    Effect.gen(function* () {
      if (world.name.includes("machine")) return
      const bob = yield* raw("bob", 3)
      const alice = yield* person("alice", 2, { interactive: false })
      yield* alice.screen.type("/chat bob")
      yield* alice.screen.type("hello")
      const before = yield* Clock.currentTimeMillis
      yield* Effect.repeat(bob.hear, { until: (line) => line.startsWith("PORT") })
      yield* bob.say("OK")
      const { reason } = yield* alice.screen.nextOf("closed")
      assert.strictEqual(reason, "unreachable")
      assert.isAtLeast((yield* Clock.currentTimeMillis) - before, 30_000)
      assert.strictEqual((yield* alice.screen.nextOf("error")).code, "Not_sent")
    }),
  )
})
