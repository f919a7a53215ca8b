import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Delivery from "../../../src/domain/delivery/Delivery.ts"
import * as Endpoint from "../../../src/domain/Endpoint.ts"
import * as Frame from "../../../src/domain/record/Frame.ts"
import * as RecordHeader from "../../../src/domain/record/RecordHeader.ts"
import * as SealedConversation from "../../../src/domain/record/SealedConversation.ts"
import { integer, oneOf, pick } from "../arbitraries.ts"
import { bytesOf, primitives } from "../crypto/primitives.ts"
import type { SealedSide, Way } from "./SealedSide.ts"
import { aliceAt, bobAt, fairDelay, type Fate, World } from "./SealedWorld.ts"

/** A network that goes through a list of fates again and again, for each datagram another one. */
const fateOf = (fates: ReadonlyArray<ReadonlyArray<number>>): Fate => {
  let sent = 0
  return () => fates[sent++ % fates.length]!
}

const delay = oneOf(integer(0, 60), integer(0, 3000))
/** Lost, late, or doubled. At least one of them is none of that. */
const fates = Arbitrary.map(
  Arbitrary.array(oneOf<ReadonlyArray<number>>(Arbitrary.array(delay, { maxLength: 2 }), Arbitrary.Constant([20])), {
    maxLength: 12,
  }),
  (fates) => [...fates, [20]],
)

const doings = Arbitrary.array(
  Arbitrary.all([
    pick("alice", "bob"),
    pick("say", "say", "say long", "verify", "die", "sleep", "resume"),
    oneOf(integer(0, 100), integer(0, 40_000)),
  ]),
  { maxLength: 25 },
)

/** What a side was told, of what the other said: the first texts, each once, in order. */
const assertTold = (side: SealedSide, speaker: SealedSide) =>
  assert.deepStrictEqual(side.delivered, speaker.said.slice(0, side.delivered.length))

/** All that was said has arrived, and both know. */
const assertSettled = ({ alice, bob }: World) => {
  assert.deepStrictEqual(bob.delivered, alice.said)
  assert.deepStrictEqual(alice.delivered, bob.said)
  assert.isTrue(Delivery.isIdle(alice.delivery) && Delivery.isIdle(bob.delivery))
}

describe("two sides, whatever the network did to them", () => {
  it.prop(
    "never use a counter twice with one key, nor deliver what was not said, nor a text twice; in the end all has arrived",
    [pick<Way>("address", "server"), fates, doings],
    ([way, fates, doings]) => {
      const world = new World({ way, fate: fateOf(fates) })
      const { alice, bob } = world
      let [texts, calls] = [0, 0]
      for (const [name, doing, pause] of doings) {
        const side = world[name]
        if (doing === "say") side.say(`${name} ${texts++}`)
        if (doing === "say long") side.say(`${name} ${texts++} ${"x".repeat(pause)}`)
        if (doing === "verify") side.verify()
        if (doing === "die") side.dead = pause > 39_000
        if (doing === "sleep") side.wallAhead += pause
        if (doing === "resume" && way === "server") world.resume(`call ${calls++}`)
        world.pass(pause)
      }
      world.pass(130_000)
      assertTold(alice, bob)
      assertTold(bob, alice)
      world.fate = () => [fairDelay]
      if (way === "server") world.resume("last call")
      world.pass(60_000)
      assertTold(alice, bob)
      assertTold(bob, alice)
      assert.strictEqual(world.nonces.used.size, world.wire.length)
      const isOver = [alice, bob].some(({ dead, ending }) => dead || ending !== undefined)
      if (!isOver) assertSettled(world)
      // Brought together by a server, only verifying that fails ends a chat here.
      if (way === "server" && isOver) {
        const endings = [alice.ending?.reason, bob.ending?.reason]
        assert.isTrue(alice.dead || bob.dead || endings.includes("unverified"), `${endings}`)
      }
    },
    { arbitrary: { runs: 80, size: 40 } },
  )

  it.prop(
    "stay together for ten minutes, with new keys every two, and are open to each other afterwards",
    [pick<Way>("address", "server"), fates, integer(0, 20_000)],
    ([way, fates, calm]) => {
      const world = new World({ way, fate: fateOf(fates.map((fate) => fate.map((delay) => delay % 700))) })
      // Every other datagram at least gets through, so that old keys are none of the network's doing.
      const rough = world.fate
      let odd = false
      world.fate = (datagram) => {
        odd = !odd
        return odd ? rough(datagram) : [20]
      }
      world.pass(600_000 + calm)
      assert.isUndefined(world.alice.ending)
      assert.isUndefined(world.bob.ending)
      world.fate = () => [20]
      world.pass(20_000)
      world.alice.say("hello")
      world.bob.say("hello yourself")
      world.pass(100)
      assert.strictEqual(world.bob.delivered.at(-1), "hello")
      assert.strictEqual(world.alice.delivered.at(-1), "hello yourself")
      assert.isAtLeast(world.alice.epoch, 4)
      assert.isAtMost(world.alice.epoch - world.bob.epoch, 1)
      assert.strictEqual(world.alice.suspended + world.bob.suspended, 0)
    },
    { arbitrary: { runs: 25, size: 40 } },
  )
})

describe("opening", () => {
  it("is by any record of the other, which is answered at once, with one record; then each has a path, too", () => {
    const world = new World({ fate: () => [] })
    const phases = () => [world.alice.state.phase, world.bob.state.phase]
    world.pass(150)
    const ofAlice = world.alice.sent.at(-1)!
    const before = world.wire.length
    world.deliver(ofAlice)
    assert.deepStrictEqual(phases(), ["Opening", "Open"])
    assert.lengthOf(world.wire, before + 1)
    world.deliver(world.wire.at(-1)!)
    assert.deepStrictEqual(phases(), ["Open", "Open"])
    assert.isTrue(world.alice.opened)
    assert.isFalse(world.bob.opened)
    // The answer to what bob asked, and KEEPALIVE.
    for (const datagram of world.alice.sent.slice(-2)) world.deliver(datagram)
    assert.isTrue(world.bob.opened)
  })

  it("is by the relay within a round trip of the last word of the handshake, and with KEEPALIVE where nothing is asked", () => {
    const world = new World({ way: "server" })
    world.pass(2 * fairDelay)
    assert.isTrue(world.alice.opened && world.bob.opened)
    const quiet = new World({ way: "server", fate: () => [] })
    quiet.alice.sayFrames(Frame.keepAlive)
    const before = quiet.bob.sent.length
    quiet.deliver(quiet.alice.sent.at(-1)!)
    assert.isTrue(quiet.bob.opened)
    assert.deepStrictEqual(
      quiet.bob.sent.slice(before).map(({ to }) => to),
      [undefined],
    )
    quiet.deliver(quiet.bob.sent.at(-1)!)
    assert.isTrue(quiet.alice.opened)
  })

  it("does not happen by a CLOSE: that is the end", () => {
    const world = new World({ way: "server", fate: () => [] })
    world.alice.sayFrames(Frame.close)
    world.deliver(world.alice.sent.at(-1)!)
    assert.isFalse(world.bob.opened)
    assert.strictEqual(world.bob.ending?.reason, "closed_by_peer")
  })

  it("leaves nobody waiting if the first answers are lost", () => {
    for (const way of ["address", "server"] as const) {
      for (const lost of [3, 4, 5, 10, 30]) {
        let sent = 0
        const world = new World({ way, fate: () => (sent++ < lost ? [] : [20]) })
        world.pass(10_000)
        assert.isTrue(world.alice.opened && world.bob.opened, `${way} ${lost}`)
      }
    }
  })
})

describe("a conversation that is open", () => {
  it("answers PROBE at most four times a second, and nothing else: there is no echo", () => {
    const world = new World().opened()
    world.fate = () => []
    const before = world.bob.sent.length
    for (let i = 0; i < 100; i++) {
      world.alice.sayFrames(Frame.probe)
      world.alice.sayFrames(Frame.keepAlive)
      for (const datagram of world.alice.sent.slice(-2)) world.deliver(datagram)
      world.pass(10)
    }
    assert.isAtMost(world.bob.sent.length - before, 5)
  })

  it("asks every ten seconds whether its path still works, and otherwise is silent", () => {
    const world = new World().opened()
    const before = world.alice.sent.length
    world.pass(110_000)
    const sent = world.alice.sent.slice(before)
    assert.isAtLeast(sent.length, 2 * 9)
    assert.isAtMost(sent.length, 2 * 13)
    assert.isTrue(sent.every(({ payload }) => payload.length === RecordHeader.minRecordBytes))
  })

  it("is not ended by silence, but by a day of it", () => {
    const world = new World({ way: "server" }).opened()
    world.bob.dead = true
    world.pass(300_000)
    assert.strictEqual(world.alice.state.phase, "Suspended")
    assert.isTrue(world.alice.say("are you there?"))
    const { state } = world.alice
    const at = state.heardAt.monotonic + 24 * 60 * 60 * 1000
    const due = (millis: number) => {
      const event = { _tag: "Due", used: 0, at: { monotonic: millis, wall: millis } } as const
      return SealedConversation.step({ primitives, randomBytes: () => assert.fail("drawn") }, state, event)[1]
    }
    assert.strictEqual(SealedConversation.dueAt(state), at)
    assert.deepStrictEqual(due(at - 1), [])
    assert.deepStrictEqual(due(at), [{ _tag: "Ended", ending: "timeout" }])
  })

  it("counts whatever is heard as a sign of life, a message or an answer about a path too", () => {
    const world = new World().opened()
    for (const [doing, millis] of [
      [() => world.alice.say("hello"), 30],
      [() => undefined, 11_500],
    ] as const) {
      const before = world.bob.state.heardAt.monotonic
      world.pass(1000)
      doing()
      world.pass(millis)
      assert.isAtLeast(world.bob.state.heardAt.monotonic, before + 1000)
    }
  })

  it("lives on where three of ten datagrams are lost", () => {
    for (let seed = 0; seed < 10; seed++) {
      const random = bytesOf(`loss ${seed}`, 4000)
      let sent = 0
      const world = new World({ fate: () => (random[sent++ % random.length]! < 77 ? [] : [20]) })
      for (let i = 0; i < 90; i++) {
        world.pass(10_000)
        world[i % 2 === 0 ? "alice" : "bob"].say(`text ${i}`)
      }
      assert.isUndefined(world.alice.ending)
      assert.isUndefined(world.bob.ending)
      assert.isAtLeast(world.alice.epoch, 6)
      world.fate = () => [20]
      world.pass(20_000)
      assertSettled(world)
    }
  })

  it("does not end because the clock on the wall is set back", () => {
    const world = new World().opened()
    world.alice.wallAhead = -86_400_000
    world.pass(300_000)
    assert.isUndefined(world.alice.ending)
    assert.isAtLeast(world.alice.epoch, 2)
  })

  it("is ended by what can't be read as messages", () => {
    const world = new World().opened()
    // A message of more than 65,536 bytes begins.
    world.alice.sayFrames({ _tag: "Data", offset: 0, bytes: Uint8Array.of(1, 1, 0, 1) })
    world.pass(50)
    assert.strictEqual(world.bob.ending?.reason, "protocol")
    assert.strictEqual(world.alice.ending?.reason, "closed_by_peer")
    assert.isEmpty(world.bob.delivered)
  })
})

describe("texts", () => {
  it("that were lost arrive all the same, once, in order, and both sides are quiet again", () => {
    const world = new World().opened()
    let sent = 0
    world.fate = () => (sent++ % 3 === 0 ? [] : sent % 5 === 0 ? [20, 400] : [20 + (sent % 7) * 30])
    for (let i = 0; i < 60; i++) {
      world.alice.say(`text ${i} ${"x".repeat((i * 97) % 3000)}`)
      world.bob.say(`back ${i}`)
      world.pass(50)
    }
    world.pass(10_000)
    world.fate = () => [20]
    world.pass(20_000)
    assertSettled(world)
    const before = world.wire.length
    world.pass(10_000)
    assert.isAtMost(world.wire.length - before, 8)
  })

  it("that were said in a blackout arrive when it is over", () => {
    for (const way of ["address", "server"] as const) {
      const world = new World({ way }).opened()
      world.fate = () => []
      for (let i = 0; i < 10; i++) {
        world.alice.say(`text ${i}`)
        world.pass(5000)
      }
      assert.isEmpty(world.bob.delivered)
      world.fate = () => [20]
      world.pass(20_000)
      assert.lengthOf(world.bob.delivered, 10)
      assertSettled(world)
    }
  })

  it("go by the relay within two seconds when the direct path takes nothing any more, and by that again when it does", () => {
    const world = new World({ way: "server" }).opened()
    assert.deepStrictEqual(world.alice.uses, ["relay", Endpoint.format(bobAt)])
    world.fate = ({ to }) => (to === undefined ? [20] : [])
    world.alice.say("which way?")
    world.pass(2000)
    assert.deepStrictEqual(world.bob.delivered, ["which way?"])
    assert.strictEqual(world.alice.path, "relay")
    world.fate = () => [20]
    world.pass(130_000)
    assert.deepStrictEqual([world.alice.path, world.bob.path], [Endpoint.format(bobAt), Endpoint.format(aliceAt)])
    assertSettled(world)
  })

  it("find the other side at another address, when its records come from there", () => {
    for (const way of ["address", "server"] as const) {
      const world = new World({ way }).opened()
      const elsewhere = { address: "192.0.2.7", port: 7000 }
      world.alice.address = elsewhere
      world.alice.say("I have moved")
      world.pass(100)
      assert.deepStrictEqual(world.bob.delivered, ["I have moved"])
      world.bob.say("I see")
      world.pass(15_000)
      assertSettled(world)
      assert.strictEqual(world.bob.path, Endpoint.format(elsewhere), way)
      assert.isUndefined(world.bob.ending)
    }
  })
})

describe("keys that are too old", () => {
  const asleep = (name: "alice" | "bob", way: Way) => {
    const world = new World({ way }).opened()
    world[name].wallAhead = 180_001
    return world
  }

  it("end a chat of typed addresses, without a word more, though its own clock stood still", () => {
    const world = asleep("alice", "address")
    const sent = world.alice.sent.length
    world.alice.say("with old keys")
    assert.strictEqual(world.alice.ending?.reason, "timeout")
    assert.lengthOf(world.alice.sent, sent)
    const other = asleep("bob", "address")
    other.alice.say("with old keys")
    other.pass(30)
    assert.strictEqual(other.bob.ending?.reason, "timeout")
    assert.isEmpty(other.bob.delivered)
  })

  it("suspend a chat that a server can bring together again: nothing is sealed, opened, or lost", () => {
    const world = asleep("alice", "server")
    const { alice, bob } = world
    bob.say("said before")
    const sent = alice.sent.length
    assert.isTrue(alice.say("said after"))
    world.pass(100)
    assert.strictEqual(alice.state.phase, "Suspended")
    world.pass(300_000)
    assert.lengthOf(alice.sent, sent)
    assert.isEmpty(alice.delivered)
    assert.strictEqual(bob.state.phase, "Suspended")
    assert.isUndefined(alice.ending ?? bob.ending)
    world.resume("another call")
    world.pass(1000)
    assert.deepStrictEqual([alice.state.phase, bob.state.phase], ["Open", "Open"])
    assert.deepStrictEqual(alice.delivered, ["said before"])
    assert.deepStrictEqual(bob.delivered, ["said after"])
    assertSettled(world)
    assert.deepStrictEqual([alice.suspended, bob.suspended], [1, 1])
    assert.strictEqual(world.nonces.used.size, world.wire.length)
  })

  it("are suspended at 180 seconds to the millisecond, not before, where new ones are kept from coming", () => {
    const world = new World({ way: "server" }).opened()
    world.fate = ({ payload }) => (payload.length > RecordHeader.minRecordBytes ? [] : [20])
    world.timeline.advance(180_000)
    assert.deepStrictEqual([world.alice.state.phase, world.bob.state.phase], ["Open", "Open"])
    world.timeline.advance(180_001)
    assert.deepStrictEqual([world.alice.state.phase, world.bob.state.phase], ["Suspended", "Suspended"])
  })
})

describe("keys of another call", () => {
  it("carry a chat on with the first epoch and counters of their own, and the old ones open nothing", () => {
    const world = new World({ way: "server" }).opened()
    world.timeline.advance(125_000)
    assert.strictEqual(world.alice.epoch, 1)
    world.fate = () => []
    world.alice.say("not acknowledged")
    const old = world.alice.sent.at(-1)!
    world.fate = () => [20]
    world.resume("another call")
    assert.deepStrictEqual([world.alice.epoch, world.bob.epoch], [0, 0])
    assert.isEmpty(world.bob.delivered)
    world.deliver(old)
    assert.strictEqual(world.bob.dropped.at(-1), "UnknownIndex")
    world.pass(1000)
    assertSettled(world)
    world.pass(125_000)
    assert.deepStrictEqual([world.alice.epoch, world.bob.epoch], [1, 1])
  })

  it("bring what was said before once, be it that it had arrived and nobody knew", () => {
    const world = new World({ way: "server" }).opened()
    world.fate = ({ from }) => (from === aliceAt ? [20] : [])
    world.alice.say("acknowledged by nobody")
    world.pass(5000)
    assert.deepStrictEqual(world.bob.delivered, ["acknowledged by nobody"])
    assert.isFalse(Delivery.isIdle(world.alice.delivery))
    world.fate = () => [20]
    world.resume("another call")
    world.pass(1000)
    assertSettled(world)
  })

  it("are compared anew: what was verified was the other handshake", () => {
    const world = new World({ way: "server" }).opened()
    world.alice.verify()
    world.pass(1000)
    world.resume("another call")
    world.pass(1000)
    world.bob.verify()
    world.pass(5000)
    assert.lengthOf(world.alice.values, 2)
    assert.deepStrictEqual(world.alice.values, world.bob.values)
    assert.notStrictEqual(world.alice.values[0], world.alice.values[1])
  })

  it("do not open a chat that nobody was heard in, nor one that is over", () => {
    const world = new World({ way: "server", fate: () => [] })
    world.resume("another call")
    assert.strictEqual(world.alice.state.phase, "Opening")
    world.fate = () => [20]
    world.pass(5000)
    assert.isTrue(world.alice.opened && world.bob.opened)
    world.alice.close()
    world.pass(100)
    world.resume("yet another call")
    world.pass(1000)
    assert.deepStrictEqual([world.alice.state.phase, world.bob.state.phase], ["Closed", "Closed"])
  })
})

it("records of a conversation are all of a length that says little", () => {
  const world = new World().opened()
  for (let i = 0; i < 50; i++) world.alice.say("x".repeat(i))
  world.pass(200_000)
  assert.isTrue(world.wire.every(({ payload }) => RecordHeader.isRecord(payload)))
  assert.deepStrictEqual([...new Set(world.wire.map(({ payload }) => payload.length))].toSorted(), [160, 96])
})
