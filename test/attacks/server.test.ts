/**
 * Hostile clients against a server on real sockets, in real time.
 *
 * Each test would fail by a wide margin without the defence it is about; none depends on how fast the machine is.
 */
import { assert, it } from "@effect/vitest"
import { Clock, Context, Effect, Exit, Layer, Option, Scope } from "effect"
import * as NodeRendezvousTransport from "nomitm/adapters/node/NodeRendezvousTransport"
import type { Username } from "nomitm/domain/Username"
import { Negotiator } from "nomitm/services/server/Negotiator"
import { PortAllocator } from "nomitm/services/PortAllocator"
import { Registry } from "nomitm/services/server/Registry"
import { RendezvousServer } from "nomitm/services/server/RendezvousServer"
import type { RendezvousTransport } from "nomitm/services/RendezvousTransport"
import * as ServerLimits from "nomitm/services/server/ServerLimits"
import * as Net from "node:net"
import * as RawClient from "../services/server/RawClient.ts"

const host = "127.0.0.1"

interface Victim extends RawClient.Server {
  readonly registry: Registry["Service"]
  readonly stop: Effect.Effect<void>
}

const start = Effect.fnUntraced(function* (limits: Partial<ServerLimits.Limits>) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const layer = RendezvousServer.layerNoDeps({ address: host, port: 0, dialect: "readme" }).pipe(
    Layer.provide(Negotiator.layer),
    Layer.provideMerge(Registry.layerMemory),
    Layer.provide([
      PortAllocator.layer(),
      Layer.succeed(ServerLimits.ServerLimits, { ...ServerLimits.defaults, ...limits }),
    ]),
  )
  const context = yield* Layer.buildWithScope(layer, scope)
  return {
    host,
    port: Context.get(context, RendezvousServer).local.port,
    registry: Context.get(context, Registry),
    stop: Scope.close(scope, Exit.void),
  } satisfies Victim
})

const attack = (
  name: string,
  program: (victim: Victim) => Effect.Effect<void, unknown, RendezvousTransport | Scope.Scope>,
  limits: Partial<ServerLimits.Limits> = {},
) =>
  it.live(name, () =>
    Effect.flatMap(start(limits), program).pipe(Effect.scoped, Effect.provide(NodeRendezvousTransport.layer)),
  )

/** A connection without manners: it does what it is made to, and reads nothing unless told. */
const barbarian = ({ port }: RawClient.Server, localAddress: string) =>
  Effect.acquireRelease(
    Effect.callback<Net.Socket, Error>((resume) => {
      const socket = Net.connect({ host, port, localAddress, noDelay: true, allowHalfOpen: true })
      socket.once("error", (error) => resume(Effect.fail(error)))
      socket.once("connect", () => {
        socket.on("error", () => {})
        resume(Effect.succeed(socket))
      })
    }),
    (socket) => Effect.sync(() => socket.destroy()),
  )

/** Waits for something that takes no time on an idle machine. */
const eventually = (what: string, look: Effect.Effect<boolean>) =>
  Effect.gen(function* () {
    for (let i = 0; i < 1500; i++) {
      if (yield* look) return
      yield* Effect.sleep(20)
    }
    assert.fail(`not within 30 seconds: ${what}`)
  })

/** The name of somebody who is online without a connection. */
const pretend = ({ registry }: Victim, name: string) =>
  Effect.orDie(
    registry.register({
      name: name as Username,
      address: "192.0.2.1",
      send: () => {},
      ask: () => Effect.never,
      gone: Effect.never,
    }),
  )

const isOnline = ({ registry }: Victim, name: string) => Effect.map(registry.find(name as Username), Option.isSome)

attack("a line that never ends is read slowly, not at the speed of the wire", (victim) =>
  Effect.gen(function* () {
    const endless = yield* barbarian(victim, "127.0.0.2")
    endless.write("REGISTER mallory\n")
    const piece = Buffer.alloc(64 * 1024, "x")
    const pour = (): void => {
      if (!endless.destroyed) endless.write(piece, pour)
    }
    pour()
    yield* Effect.sleep(1500)
    // What the system keeps for a reader that is slow, and a burst: several MB. Unhindered it is hundreds.
    assert.isBelow(endless.bytesWritten - endless.writableLength, 32_000_000)
    const alice = yield* RawClient.connect(victim, "127.0.0.3")
    yield* alice.say("HELLO")
    assert.strictEqual(yield* alice.hear, "HELLO")
  }),
)

attack("who leaves thousands of lines behind and cuts the connection keeps neither name nor place", (victim) =>
  Effect.gen(function* () {
    const ghost = yield* barbarian(victim, "127.0.0.2")
    ghost.write("REGISTER ghost\n")
    yield* eventually("registered", isOnline(victim, "ghost"))
    ghost.write("HELLO\n".repeat(1100))
    yield* Effect.sleep(50)
    ghost.resetAndDestroy()
    const since = yield* Clock.currentTimeMillis
    yield* eventually(
      "the name is free",
      Effect.map(isOnline(victim, "ghost"), (online) => !online),
    )
    assert.isBelow((yield* Clock.currentTimeMillis) - since, 5000)
  }),
)

attack("who sends more lines at once than can be carried out in ten seconds is sent away", (victim) =>
  Effect.gen(function* () {
    const flood = yield* RawClient.connect(victim, "127.0.0.2")
    yield* flood.write("\n".repeat(60_000))
    const heard = yield* flood.hearUntil("<end>")
    assert.include(heard, "ERROR Too_fast")
    assert.isBelow(heard.length, 2000)
  }),
)

attack("of a list of 5,000, asked for a hundred times a second, few are made", (victim) =>
  Effect.gen(function* () {
    for (let i = 0; i < 5000; i++) yield* pretend(victim, `user${i}`)
    const greedy = yield* RawClient.register(victim, "greedy", "127.0.0.2")
    yield* greedy.say(...Array.from({ length: 100 }, () => "LISTUSERS"))
    yield* Effect.sleep(1000)
    // The burst is worth four, a second two; a busy machine may take longer than it seems.
    yield* greedy.hearUntil("ENDUSERS")
    let lists = 1
    for (;;) {
      const line = yield* Effect.timeoutOption(greedy.hear, 50)
      if (Option.isNone(line)) break
      if (line.value === "ENDUSERS") lists++
    }
    assert.isBelow(lists, 40)
  }),
)

attack("who asks for a long list again and again and reads nothing is not read either", (victim) =>
  Effect.gen(function* () {
    for (let i = 0; i < 8000; i++) yield* pretend(victim, `${"\u{1f600}".repeat(28)}${String(i).padStart(4, "0")}`)
    const deaf = yield* barbarian(victim, "127.0.0.2")
    deaf.pause()
    deaf.write(`REGISTER deaf\n${"LISTUSERS\n".repeat(60)}`)
    yield* eventually("registered", isOnline(victim, "deaf"))
    const alice = yield* RawClient.register(victim, "alice", "127.0.0.3")
    yield* alice.say("LISTUSERS")
    // A megabyte of names reaches who does read.
    assert.lengthOf(yield* alice.hearUntil("ENDUSERS"), 8003)
  }),
)

attack(
  "one address that opens hundreds of connections beyond its limit holds few of them, and nobody else is kept out",
  (victim) =>
    Effect.gen(function* () {
      const sockets = yield* Effect.all(
        Array.from({ length: 300 }, () => barbarian(victim, "127.0.0.2")),
        { concurrency: 50 },
      )
      for (const socket of sockets) socket.resume()
      // They neither end nor leave: only a server that cuts them off is rid of them.
      yield* eventually(
        "all but 10 and 64 are cut off",
        Effect.sync(() => sockets.filter((socket) => socket.closed).length >= 220),
      )
      yield* RawClient.register(victim, "alice", "127.0.0.3")
    }),
  { connectionsPerAddress: 10 },
)

attack("junk of every kind, cut off anywhere, costs nobody else anything", (victim) =>
  Effect.gen(function* () {
    const alice = yield* RawClient.register(victim, "alice", "127.0.0.3")
    const junk = [
      Buffer.from([0, 0, 0, 10, 0]),
      Buffer.from([0xff, 0xfe, 10, 0xc3, 13, 10, 0x80]),
      Buffer.from("REGISTER \u001b[2J\nREGISTER a\u202eb\nREGISTER \u200b\nREGISTER __proto__\nCHAT constructor\n"),
      Buffer.from(`CHAT ${"x".repeat(5000)}\nCHAT alice`),
      Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\nREGISTER web\r\nCHAT alice\r\nOK\r\nERROR Declined\r\n"),
      Buffer.from("REGISTER m\nOK\nOK\nERROR\nERROR Busy\nPORT 5\nSTARTCHAT 127.0.0.1 5 x\nCHAT alice\nOK\nOK\n"),
      Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]),
    ]
    for (let i = 0; i < 140; i++) {
      const socket = yield* barbarian(victim, `127.0.1.${1 + (i % 50)}`)
      const bytes = junk[i % junk.length]!
      socket.write(bytes.subarray(0, 1 + ((i * 7) % bytes.length)))
      if (i % 3 === 0) socket.resetAndDestroy()
      else if (i % 3 === 1) socket.end()
      if (i % 10 === 9) yield* Effect.sleep(5)
    }
    yield* alice.say("HELLO")
    yield* Effect.repeat(alice.hear, { until: (line) => line === "HELLO" })
    const bob = yield* RawClient.register(victim, "bob", "127.0.0.4")
    yield* bob.say("LISTUSERS")
    yield* bob.hearUntil("ENDUSERS")
  }),
)

attack("bytes that are no UTF-8 register no name", (victim) =>
  Effect.gen(function* () {
    const socket = yield* barbarian(victim, "127.0.0.2")
    let heard = ""
    socket.on("data", (chunk: Buffer) => {
      heard += chunk.toString()
    })
    for (const byte of [0xff, 0xc3, 0x80]) {
      socket.write(Buffer.concat([Buffer.from("REGISTER al"), Buffer.from([byte]), Buffer.from("ce\n")]))
    }
    yield* eventually(
      "three answers",
      Effect.sync(() => heard.split("\n").length > 3),
    )
    assert.strictEqual(heard, "ERROR Name_invalid\n".repeat(3))
  }),
)

attack(
  "after a storm of calls at one victim, by callers who answer for others and vanish, it can be called",
  (victim) =>
    Effect.gen(function* () {
      const alice = yield* RawClient.register(victim, "alice", "127.0.0.3")
      const mob = yield* Effect.all(Array.from({ length: 60 }, (_, i) => barbarian(victim, `127.0.1.${1 + (i % 20)}`)))
      for (const [i, caller] of mob.entries()) caller.write(`REGISTER m${i}\nCHAT alice\n`)
      for (let round = 0; round < 10; round++) {
        for (const [i, caller] of mob.entries()) {
          caller.write(["CHAT alice\nOK\nOK\n", "ERROR\nERROR Declined\n", `CHAT m${(i + round) % 60}\nOK\n`][i % 3]!)
          if ((i + round) % 11 === 0) caller.resetAndDestroy()
        }
        yield* Effect.sleep(20)
      }
      for (const caller of mob) caller.resetAndDestroy()
      const bob = yield* RawClient.register(victim, "bob", "127.0.0.4")
      const reached = (line: string): boolean => line.startsWith("PORT ")
      // Whatever is still said to alice about the mob comes first.
      for (;;) {
        yield* bob.say("CHAT alice")
        if (reached(yield* bob.hear)) break
        yield* Effect.sleep(100)
      }
      yield* bob.say("OK")
      for (let line = yield* alice.hear; !line.endsWith(" bob"); line = yield* alice.hear) {
        if (reached(line)) yield* alice.say("OK")
      }
      assert.match(yield* bob.hear, /^STARTCHAT 127\.0\.0\.3 \d+ alice$/)
    }),
)

attack(
  "a server that stops is rid of 200 clients that neither read nor leave in little more than two seconds",
  (victim) =>
    Effect.gen(function* () {
      for (let i = 0; i < 200; i++) {
        const socket = yield* barbarian(victim, "127.0.0.2")
        socket.pause()
        socket.write(`REGISTER m${i}\nLISTUSERS\n`)
      }
      const since = yield* Clock.currentTimeMillis
      yield* victim.stop
      assert.isBelow((yield* Clock.currentTimeMillis) - since, 8000)
    }),
)
