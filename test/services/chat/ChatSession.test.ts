import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Option, Random } from "effect"
import { MemoryNetwork } from "nomitm/adapters/memory/MemoryNetwork"
import type { Dialect } from "nomitm/domain/Dialect"
import * as PeerMessage from "nomitm/domain/PeerMessage"
import { type Chat, ChatSession, type Options } from "nomitm/services/chat/ChatSession"
import type { PeerSocket } from "nomitm/services/PeerTransport"
import { inVirtualTime } from "../../virtualTime.ts"

const port = 55_000
const aliceAt = { address: "198.51.100.2", port }
const bobAt = { address: "198.51.100.3", port }

/** Two hosts with a bound port each, and what was sent between them. */
const setting = Effect.fnUntraced(function* (loss = 0, dialect: Dialect = "readme") {
  const sent: Array<{ readonly from: string; readonly at: number; readonly text: string }> = []
  const network = yield* MemoryNetwork.make({ link: { latencyMillis: 20, jitterMillis: 30, loss } })
  const [a, b] = [yield* network.host(aliceAt), yield* network.host(bobAt)]
  const clock = yield* Clock.Clock
  const recording = (socket: PeerSocket, from: string): PeerSocket => ({
    ...socket,
    send: (datagram, to) => {
      sent.push({ from, at: clock.currentTimeMillisUnsafe(), text: new TextDecoder().decode(datagram) })
      socket.send(datagram, to)
    },
  })
  const aliceSocket = recording(yield* a.peerTransport.bind({ port }), "alice")
  const bobSocket = recording(yield* b.peerTransport.bind({ port }), "bob")
  const { open } = yield* Effect.provide(ChatSession, ChatSession.layer)
  const session = (options: Partial<Options> & Pick<Options, "socket" | "self" | "remote" | "peer">) =>
    open({ dialect, patience: "30 seconds", ...options })
  return {
    network,
    sent,
    aliceSocket,
    bobSocket,
    alice: session({ socket: aliceSocket, self: "alice", remote: bobAt, peer: Option.some("bob") }),
    bob: session({ socket: bobSocket, self: "bob", remote: aliceAt, peer: Option.some("alice") }),
  }
})

const bothOpen = (a: Chat, b: Chat) => Effect.all([a.opened, b.opened], { concurrency: 2 })
const send = (socket: PeerSocket, to: Options["remote"], text: string) =>
  Effect.sync(() => socket.send(new TextEncoder().encode(text), to))

describe.each(["readme", "original"] as const)("a chat in the %s dialect", (dialect) => {
  it.effect("opens and carries texts both ways", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* setting(0, dialect)
        const [alice, bob] = [yield* world.alice, yield* world.bob]
        assert.deepEqual(yield* bothOpen(alice, bob), ["bob", "alice"])
        yield* alice.say("hello")
        assert.strictEqual(yield* bob.receive, "hello")
        yield* bob.say('"quoted" \\ zoë')
        assert.strictEqual(yield* alice.receive, '"quoted" \\ zoë')
      }),
    ),
  )

  // The first datagrams of both cross, or one side starts after the other has sent for seconds.
  for (const late of [0, 130, 5000]) {
    for (const first of ["alice", "bob"] as const) {
      it.effect(`opens with 30 % loss when ${first} is ${late} ms early, whatever is lost`, () =>
        Effect.forEach(Array.from({ length: 40 }), (_, seed) =>
          inVirtualTime(
            Effect.gen(function* () {
              const world = yield* setting(0.3, dialect)
              const early = yield* first === "alice" ? world.alice : world.bob
              yield* Effect.sleep(late)
              const other = yield* first === "alice" ? world.bob : world.alice
              const start = yield* Clock.currentTimeMillis
              yield* bothOpen(early, other)
              assert.isBelow((yield* Clock.currentTimeMillis) - start, 8000, `seed ${seed}`)
            }).pipe(Effect.scoped, Random.withSeed(`seed ${seed}`)),
          ),
        ),
      )
    }
  }

  it.effect("ends as unreachable when the other side is never there, after a hundred and twenty CONNECTs", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* setting(0, dialect)
        const alice = yield* world.alice
        const error = yield* Effect.flip(alice.opened)
        assert.strictEqual(error.ending, "unreachable")
        assert.strictEqual(yield* Clock.currentTimeMillis, 30_000)
        assert.isAtMost(world.sent.length, 121)
        assert.isAtLeast(world.sent.length, 119)
        assert.strictEqual(yield* alice.ended, "unreachable")
      }),
    ),
  )

  it.effect("does not echo CONNECTs once both are open", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* setting(0, dialect)
        const [alice, bob] = [yield* world.alice, yield* world.bob]
        yield* bothOpen(alice, bob)
        yield* Effect.sleep("1 second")
        const before = world.sent.length
        yield* Effect.sleep("60 seconds")
        const later = world.sent.slice(before)
        assert.isFalse(later.some(({ text }) => /connect/i.test(text)))
        // KEEPALIVE every five seconds from both, or the token to and fro.
        assert.isAtLeast(later.length, 10)
        assert.isAtMost(later.length, 30)
      }),
    ),
  )

  it.effect("goes on for as long as both are there, with nothing said, even with 30 % loss", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* setting(0.3, dialect)
        const [alice, bob] = [yield* world.alice, yield* world.bob]
        yield* bothOpen(alice, bob)
        const end = yield* Effect.raceFirst(alice.ended, bob.ended).pipe(Effect.timeoutOption("3 minutes"))
        assert.isTrue(Option.isNone(end))
      }).pipe(Random.withSeed("long")),
    ),
  )

  it.effect("ends twenty seconds after the other side vanished", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* setting(0, dialect)
        const alice = yield* world.alice
        const start = yield* Effect.scoped(
          Effect.gen(function* () {
            const bob = yield* world.bob
            yield* bothOpen(alice, bob)
            yield* Effect.sleep("1 second")
            return yield* Clock.currentTimeMillis
          }),
        )
        assert.strictEqual(yield* alice.ended, "timeout")
        const passed = (yield* Clock.currentTimeMillis) - start
        assert.isAtLeast(passed, 15_000)
        assert.isAtMost(passed, 20_000)
        assert.strictEqual((yield* Effect.flip(alice.receive)).ending, "timeout")
      }),
    ),
  )

  it.effect("ends for both when one closes, though two of three farewells are lost", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* setting(0, dialect)
        const [alice, bob] = [yield* world.alice, yield* world.bob]
        yield* bothOpen(alice, bob)
        yield* alice.say("last words")
        yield* Effect.sleep(100)
        yield* world.network.setLink({ loss: 1 })
        const closing = yield* Effect.forkChild(alice.close, { startImmediately: true })
        yield* Effect.sleep(75)
        yield* world.network.setLink({ loss: 0 })
        yield* Fiber.join(closing)
        assert.strictEqual(yield* alice.ended, "closed")
        assert.strictEqual(yield* bob.ended, "closed_by_peer")
        assert.strictEqual(yield* bob.receive, "last words")
        assert.strictEqual((yield* Effect.flip(bob.receive)).ending, "closed_by_peer")
        assert.strictEqual((yield* Effect.flip(alice.say("too late")))._tag, "NotOpen")
        yield* alice.close
      }),
    ),
  )

  it.effect("hears nobody but the other side's address", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* setting(0, dialect)
        const mallory = yield* world.network.host({ address: "198.51.100.66" })
        const socket = yield* mallory.peerTransport.bind({ port })
        const forged = (message: PeerMessage.PeerMessage) =>
          Effect.sync(() => socket.send(PeerMessage.encode(dialect, message), aliceAt))
        const alice = yield* world.alice
        yield* forged({ _tag: "Connect", from: "bob", number: 7 })
        yield* Effect.sleep("1 second")
        const bob = yield* world.bob
        yield* bothOpen(alice, bob)
        yield* forged({ _tag: "Text", from: "bob", text: "give me your keys" })
        yield* forged({ _tag: "Close", from: "bob" })
        yield* Effect.sleep("1 second")
        yield* bob.say("it is me")
        assert.strictEqual(yield* alice.receive, "it is me")
      }),
    ),
  )

  it.effect("survives whatever bytes come from the right address, and drops a flood its reader can't follow", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* setting(0, dialect)
        const alice = yield* world.alice
        for (const junk of [
          "",
          " ",
          "\0",
          "bob",
          "bob ",
          "bob\n",
          "bob\nMsg",
          "bob MSG",
          "\xff\xfe",
          "bob CONNECT x y",
        ]) {
          yield* send(world.bobSocket, aliceAt, junk)
        }
        const bob = yield* world.bob
        yield* bothOpen(alice, bob)
        for (let i = 0; i < 5000; i++) yield* bob.say(`${i}`)
        yield* Effect.sleep("1 second")
        for (let i = 0; i < 1024; i++) yield* alice.receive
        assert.isTrue(Option.isNone(yield* Effect.timeoutOption(alice.receive, "1 second")))
        yield* bob.say("and now?")
        assert.strictEqual(yield* alice.receive, "and now?")
      }),
    ),
  )

  it.effect("sends a text of 4,096 bytes and refuses a longer one", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* setting(0, dialect)
        const [alice, bob] = [yield* world.alice, yield* world.bob]
        assert.strictEqual((yield* Effect.flip(alice.say("too early")))._tag, "NotOpen")
        yield* bothOpen(alice, bob)
        const longest = "ä".repeat(2048)
        yield* alice.say(longest)
        assert.strictEqual(yield* bob.receive, longest)
        const error = yield* Effect.flip(alice.say(`${longest}.`))
        assert.deepInclude(error, { _tag: "TextTooLong", bytes: 4097, maximum: 4096 })
      }),
    ),
  )
})

describe("a chat in the readme dialect", () => {
  it.effect("is opened by any word of the other side, and keeps the text that opened it", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* setting()
        const alice = yield* world.alice
        yield* send(world.bobSocket, aliceAt, "bob MSG the CONNECT was lost")
        assert.strictEqual(yield* alice.opened, "bob")
        assert.strictEqual(yield* alice.receive, "the CONNECT was lost")
      }),
    ),
  )

  it.effect("says what the protocol says, byte for byte", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const world = yield* setting()
        const [alice, bob] = [yield* world.alice, yield* world.bob]
        yield* bothOpen(alice, bob)
        yield* Effect.sleep("6 seconds")
        yield* alice.say("hello there")
        yield* alice.close
        const said = world.sent.filter(({ from }) => from === "alice").map(({ text }) => text)
        assert.deepEqual(
          said.filter((text, i) => text !== said[i - 1]),
          ["alice CONNECT", "alice KEEPALIVE", 'alice MSG "hello there"', "alice CLOSE"],
        )
      }),
    ),
  )
})
