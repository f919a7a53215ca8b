import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Layer, Option, Random, Result } from "effect"
import type * as Link from "nomitm/adapters/memory/Link"
import { MemoryNetwork } from "nomitm/adapters/memory/MemoryNetwork"
import { natKinds } from "nomitm/adapters/memory/NatKind"
import * as EnglishWords from "nomitm/adapters/node/EnglishWords"
import { Cryptography } from "nomitm/services/Cryptography"
import type { PeerSocket } from "nomitm/services/PeerTransport"
import { type Chat, type Options, SealedChat } from "nomitm/services/SealedChat"
import * as RecordHeader from "../../src/domain/record/RecordHeader.ts"
import { bytesOf, primitives } from "../domain/crypto/primitives.ts"
import { chatKeys } from "../domain/record/keys.ts"
import { simulate } from "../simulate.ts"

const port = 55_000
const aliceAt = { address: "198.51.100.2", port }
const bobAt = { address: "198.51.100.3", port }

/** Bytes that nobody has to predict in a test. */
const cryptography = Layer.sync(Cryptography, () => {
  let drawn = 0
  return Cryptography.of({ primitives, randomBytes: (length) => bytesOf(`random ${drawn++}`, length) })
})
const layer = SealedChat.layer.pipe(Layer.provide([cryptography, EnglishWords.layer]))

interface Sent {
  readonly from: "alice" | "bob"
  readonly at: number
  readonly datagram: Uint8Array
  readonly to: string
}

/** Two hosts with a bound port each, alice's behind a NAT if wanted, and what was sent between them. */
const setting = Effect.fnUntraced(function* (link: Partial<Link.Link> = {}, behindNat = false) {
  const sent: Array<Sent> = []
  const network = yield* MemoryNetwork.make({ link: { latencyMillis: 20, jitterMillis: 30, ...link } })
  const nat = yield* network.nat({ address: aliceAt.address, kind: natKinds.portRestrictedCone })
  const a = yield* network.host(behindNat ? { address: "192.168.1.10", nat } : { address: "198.51.100.4" })
  const b = yield* network.host(bobAt)
  const clock = yield* Clock.Clock
  const recording = (socket: PeerSocket, from: Sent["from"]): PeerSocket => ({
    ...socket,
    send: (datagram, to) => {
      sent.push({ from, at: clock.currentTimeMillisUnsafe(), datagram: datagram.slice(), to: to.address })
      socket.send(datagram, to)
    },
  })
  const aliceSocket = recording(yield* a.peerTransport.bind({ port }), "alice")
  const bobSocket = recording(yield* b.peerTransport.bind({ port }), "bob")
  const { open } = yield* Effect.provide(SealedChat, layer)
  const keys = chatKeys()
  const chat = (options: Pick<Options, "socket" | "remote" | "keys"> & Partial<Options>) =>
    open({ patience: "30 seconds", ...options })
  return {
    network,
    nat,
    sent,
    alice: (options: Partial<Options> = {}) =>
      chat({ socket: aliceSocket, remote: bobAt, keys: keys.alice, ...options }),
    bob: (options: Partial<Options> = {}) =>
      chat({
        socket: bobSocket,
        remote: behindNat ? aliceAt : { address: "198.51.100.4", port },
        keys: keys.bob,
        ...options,
      }),
  }
})

const bothOpen = (a: Chat, b: Chat) => Effect.all([a.opened, b.opened], { concurrency: 2 })
const epochsOf = (sent: ReadonlyArray<Sent>) => new Set(sent.map(({ datagram }) => RecordHeader.epoch(datagram)))
const bad = { loss: 0.3, duplication: 0.1, reordering: 0.2, reorderMillis: 100 }

describe("a sealed chat", () => {
  it.effect("opens and carries texts both ways, and nothing on the wire is anything but a record", () =>
    simulate(
      Effect.gen(function* () {
        const world = yield* setting()
        const [alice, bob] = [yield* world.alice(), yield* world.bob()]
        assert.deepEqual(yield* bothOpen(alice, bob), ["bob", "alice"])
        yield* alice.say("hello")
        assert.strictEqual(yield* bob.receive, "hello")
        yield* bob.say("zoë \u{1f600}\0\n")
        assert.strictEqual(yield* alice.receive, "zoë \u{1f600}\0\n")
        assert.isTrue(world.sent.every(({ datagram }) => RecordHeader.isRecord(datagram)))
        assert.isFalse(world.sent.some(({ datagram }) => new TextDecoder("latin1").decode(datagram).includes("hello")))
      }),
    ),
  )

  for (const late of [0, 130, 5000]) {
    for (const first of ["alice", "bob"] as const) {
      it.effect(`opens over a bad network when ${first} is ${late} ms early`, () =>
        Effect.forEach(Array.from({ length: 15 }), (_, seed) =>
          simulate(
            Effect.gen(function* () {
              const world = yield* setting(bad)
              const early = yield* first === "alice" ? world.alice() : world.bob()
              yield* Effect.sleep(late)
              const other = yield* first === "alice" ? world.bob() : world.alice()
              const start = yield* Clock.currentTimeMillis
              yield* bothOpen(early, other)
              assert.isBelow((yield* Clock.currentTimeMillis) - start, 8000, `seed ${seed}`)
            }).pipe(Effect.scoped, Random.withSeed(`seed ${seed}`)),
          ),
        ),
      )
    }
  }

  it.effect("ends as unreachable when the other side is never there, after a hundred and twenty PROBEs", () =>
    simulate(
      Effect.gen(function* () {
        const world = yield* setting()
        const alice = yield* world.alice()
        assert.strictEqual((yield* Effect.flip(alice.opened)).ending, "unreachable")
        assert.strictEqual(yield* Clock.currentTimeMillis, 30_000)
        assert.isAtMost(world.sent.length, 121)
        assert.isAtLeast(world.sent.length, 119)
        assert.strictEqual((yield* Effect.flip(alice.receive)).ending, "unreachable")
        assert.strictEqual((yield* Effect.flip(alice.verification)).ending, "unreachable")
      }),
    ),
  )

  it.effect("carries a text of 4,096 bytes, and none of one more", () =>
    simulate(
      Effect.gen(function* () {
        const world = yield* setting()
        const [alice, bob] = [yield* world.alice(), yield* world.bob()]
        yield* bothOpen(alice, bob)
        const long = "é".repeat(2048)
        yield* alice.say(long)
        assert.strictEqual(yield* bob.receive, long)
        assert.strictEqual((yield* Effect.flip(alice.say(`${long}x`)))._tag, "TextTooLong")
      }),
    ),
  )

  it.effect("has no words before it is open, and none after its end", () =>
    simulate(
      Effect.gen(function* () {
        const world = yield* setting()
        const alice = yield* world.alice()
        assert.strictEqual((yield* Effect.flip(alice.say("early")))._tag, "NotOpen")
        assert.strictEqual((yield* Effect.flip(alice.verify))._tag, "NotOpen")
        const bob = yield* world.bob()
        yield* bothOpen(alice, bob)
        yield* alice.close
        assert.strictEqual((yield* Effect.flip(alice.say("late")))._tag, "NotOpen")
        assert.strictEqual(yield* bob.ended, "closed_by_peer")
      }),
    ),
  )

  it.effect("tells the other side of its end in three records, 50 ms apart, all different", () =>
    simulate(
      Effect.gen(function* () {
        const world = yield* setting()
        const [alice, bob] = [yield* world.alice(), yield* world.bob()]
        yield* bothOpen(alice, bob)
        yield* Effect.sleep("1 second")
        const before = world.sent.length
        yield* alice.close
        const closes = world.sent.slice(before)
        assert.lengthOf(closes, 3)
        assert.strictEqual(new Set(closes.map(({ datagram }) => RecordHeader.counter(datagram))).size, 3)
        assert.deepStrictEqual(
          closes.map(({ at }) => at - closes[0]!.at),
          [0, 50, 100],
        )
        assert.strictEqual(yield* alice.ended, "closed")
        assert.strictEqual(yield* bob.ended, "closed_by_peer")
        yield* Effect.sleep("1 minute")
        assert.lengthOf(world.sent, before + 3)
      }),
    ),
  )

  it.effect("ends twenty-five seconds after the other side vanished", () =>
    simulate(
      Effect.gen(function* () {
        const world = yield* setting()
        const alice = yield* world.alice()
        const start = yield* Effect.scoped(
          Effect.gen(function* () {
            const bob = yield* world.bob()
            yield* bothOpen(alice, bob)
            yield* Effect.sleep("1 second")
            yield* bob.say("last")
            yield* alice.receive
            return yield* Clock.currentTimeMillis
          }),
        )
        assert.strictEqual(yield* alice.ended, "timeout")
        assert.isAtMost(Math.abs((yield* Clock.currentTimeMillis) - start - 25_000), 60)
      }),
    ),
  )

  it.effect("keeps the path open with a record every nine to eleven seconds from each side", () =>
    simulate(
      Effect.gen(function* () {
        const world = yield* setting()
        const [alice, bob] = [yield* world.alice(), yield* world.bob()]
        yield* bothOpen(alice, bob)
        yield* Effect.sleep("1 second")
        const before = world.sent.length
        yield* Effect.sleep("100 seconds")
        for (const side of ["alice", "bob"]) {
          const times = world.sent.slice(before).flatMap(({ from, at }) => (from === side ? [at] : []))
          const pauses = times.slice(1).map((at, i) => at - times[i]!)
          assert.isAtLeast(pauses.length, 8)
          assert.isTrue(pauses.every((pause) => pause >= 9000 && pause <= 11_001))
          assert.isAbove(new Set(pauses).size, 4)
        }
      }),
    ),
  )

  it.effect("puts what is said while a record is taken into one record", () =>
    simulate(
      Effect.gen(function* () {
        const world = yield* setting()
        const bob = yield* world.bob({
          onText: () => {
            for (let i = 0; i < 20; i++) assert.isTrue(Result.isSuccess(bob.sayUnsafe(`answer ${i}`)))
          },
        })
        const alice = yield* world.alice()
        yield* bothOpen(alice, bob)
        yield* Effect.sleep("1 second")
        const before = world.sent.length
        yield* alice.say("question")
        for (let i = 0; i < 20; i++) assert.strictEqual(yield* alice.receive, `answer ${i}`)
        assert.lengthOf(world.sent, before + 2)
      }),
    ),
  )
})

it.effect("whoever waits for the opening may say a lot at once: records leave when there are enough", () =>
  simulate(
    Effect.gen(function* () {
      const world = yield* setting()
      const [alice, bob] = [yield* world.alice(), yield* world.bob()]
      yield* Effect.forkChild(bob.opened)
      yield* alice.opened
      for (let i = 0; i < 1000; i++) yield* alice.say(`text ${i}`)
      const said = world.sent.filter(({ datagram }) => datagram.length > RecordHeader.minRecordBytes)
      assert.isAtLeast(said.length, 10)
      assert.isAtMost(said.length, 40)
      for (let i = 0; i < 1000; i++) assert.strictEqual(yield* bob.receive, `text ${i}`)
    }),
  ),
)

describe("new keys", () => {
  it.effect("come every two minutes, with nothing lost that is said meanwhile", () =>
    simulate(
      Effect.gen(function* () {
        const world = yield* setting({ reordering: 0.2, reorderMillis: 100, duplication: 0.2 })
        const [alice, bob] = [yield* world.alice(), yield* world.bob()]
        yield* bothOpen(alice, bob)
        for (let i = 0; i < 300; i++) {
          yield* alice.say(`to bob ${i}`)
          yield* bob.say(`to alice ${i}`)
          yield* Effect.sleep("1 second")
        }
        const heard = new Set<string>()
        for (let i = 0; i < 300; i++) heard.add(yield* bob.receive).add(yield* alice.receive)
        assert.strictEqual(heard.size, 600)
        assert.deepStrictEqual([...epochsOf(world.sent)].toSorted(), [0, 1, 2])
      }).pipe(Random.withSeed("rekey")),
    ),
  )

  it.effect("come over a bad network too, for as long as it lasts", () =>
    simulate(
      Effect.gen(function* () {
        const world = yield* setting(bad)
        const [alice, bob] = [yield* world.alice(), yield* world.bob()]
        yield* bothOpen(alice, bob)
        const end = yield* Effect.raceFirst(alice.ended, bob.ended).pipe(Effect.timeoutOption("13 minutes"))
        assert.isTrue(Option.isNone(end))
        for (const side of ["alice", "bob"]) {
          assert.strictEqual(epochsOf(world.sent.filter(({ from }) => from === side)).size, 7)
        }
      }).pipe(Random.withSeed("long")),
      "20 minutes",
    ),
  )

  it.effect("of a handshake serve one conversation: opened with them again, counters would begin anew", () =>
    simulate(
      Effect.gen(function* () {
        const world = yield* setting()
        const { alice } = chatKeys("another")
        yield* Effect.scoped(world.alice({ keys: alice }))
        const exit = yield* Effect.exit(world.alice({ keys: alice }))
        assert.isTrue(Exit.hasDies(exit))
      }),
    ),
  )
})

describe("another address", () => {
  it.effect("of one side, as when its NAT forgets it, is followed; the chat goes on", () =>
    simulate(
      Effect.gen(function* () {
        const world = yield* setting({ loss: 0.2 }, true)
        const moves: Array<string> = []
        const [alice, bob] = [yield* world.alice(), yield* world.bob({ onMoved: ({ address }) => moves.push(address) })]
        yield* bothOpen(alice, bob)
        yield* world.nat.restart("203.0.113.77")
        yield* Effect.sleep("25 seconds")
        assert.deepStrictEqual(moves, ["203.0.113.77"])
        assert.deepStrictEqual((yield* bob.remote).address, "203.0.113.77")
        yield* Effect.repeat(Effect.andThen(bob.say("still there?"), Effect.sleep(100)), { times: 20 })
        assert.strictEqual(yield* alice.receive, "still there?")
        yield* Effect.sleep("5 minutes")
        yield* Effect.repeat(Effect.andThen(alice.say("yes"), Effect.sleep(100)), { times: 20 })
        assert.strictEqual(yield* bob.receive, "yes")
      }).pipe(Random.withSeed("nat")),
    ),
  )

  it.effect("than the one that was told is found at the opening", () =>
    simulate(
      Effect.gen(function* () {
        const world = yield* setting({}, true)
        const bob = yield* world.bob({ remote: { address: aliceAt.address, port: 1 } })
        const alice = yield* world.alice()
        yield* bothOpen(alice, bob)
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual(yield* bob.remote, aliceAt)
        yield* bob.say("found you")
        assert.strictEqual(yield* alice.receive, "found you")
      }),
    ),
  )
})

describe("verifying by voice", () => {
  for (const first of ["alice", "bob"] as const) {
    it.effect(`shows the same words and digits on both sides when ${first} starts it, over a bad network too`, () =>
      simulate(
        Effect.gen(function* () {
          const world = yield* setting(bad)
          const chats = { alice: yield* world.alice(), bob: yield* world.bob() }
          yield* bothOpen(chats.alice, chats.bob)
          const seen = new Set<string>()
          for (let i = 0; i < 4; i++) {
            yield* chats[first].verify
            const [a, b] = yield* Effect.all([chats.alice.verification, chats.bob.verification], { concurrency: 2 })
            assert.deepStrictEqual(a, b)
            assert.strictEqual(a._tag, "Compare")
            if (a._tag !== "Compare") continue
            assert.lengthOf(a.words, 3)
            assert.isTrue(a.words.every((word) => /^[a-z]{3,8}$/.test(word)))
            assert.match(a.digits, /^\d{10}$/)
            seen.add(a.digits)
            yield* Effect.sleep("5 seconds")
          }
          // Another time, another string.
          assert.strictEqual(seen.size, 4)
        }).pipe(Random.withSeed(`voice ${first}`)),
      ),
    )
  }

  it.effect("ends the chat when it came to nothing three times", () =>
    simulate(
      Effect.gen(function* () {
        const world = yield* setting()
        const [alice, bob] = [yield* world.alice(), yield* world.bob()]
        yield* bothOpen(alice, bob)
        yield* world.network.setLink({ connected: false })
        yield* alice.verify
        assert.deepStrictEqual(yield* alice.verification, { _tag: "Failed", why: "no_answer" })
        yield* alice.verify
        assert.deepStrictEqual(yield* alice.verification, { _tag: "Failed", why: "no_answer" })
        yield* world.network.setLink({ connected: true })
        yield* bob.say("I'm here")
        yield* alice.receive
        yield* world.network.setLink({ connected: false })
        yield* alice.verify
        yield* Effect.sleep("9.9 seconds")
        yield* world.network.setLink({ connected: true })
        yield* Effect.sleep("20 millis")
        yield* world.network.setLink({ connected: false })
        yield* Effect.sleep("1 second")
        yield* world.network.setLink({ connected: true })
        assert.strictEqual(yield* Effect.raceFirst(alice.ended, bob.ended), "unverified")
      }),
    ),
  )
})
