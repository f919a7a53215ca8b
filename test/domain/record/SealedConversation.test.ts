import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Frame from "../../../src/domain/record/Frame.ts"
import * as RecordHeader from "../../../src/domain/record/RecordHeader.ts"
import * as Texts from "../../../src/domain/record/Texts.ts"
import { integer, oneOf, pick } from "../arbitraries.ts"
import { bytesOf } from "../crypto/primitives.ts"
import { type Fate, World } from "./SealedSide.ts"

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
    pick("say", "say", "say long", "verify", "die", "sleep"),
    oneOf(integer(0, 100), integer(0, 40_000)),
  ]),
  { maxLength: 25 },
)

describe("two sides, whatever the network did to them", () => {
  it.prop(
    "never use a counter twice with one key, nor deliver what was not said, nor a text twice",
    [fates, doings],
    ([fates, doings]) => {
      const world = new World({ fate: fateOf(fates) })
      let texts = 0
      for (const [name, doing, pause] of doings) {
        const side = world[name]
        if (doing === "say") side.say(`${name} ${texts++}`)
        if (doing === "say long") side.say(`${name} ${texts++} ${"x".repeat(4000)}`)
        if (doing === "verify") side.verify()
        if (doing === "die") side.dead = pause > 39_000
        if (doing === "sleep") side.wallAhead += pause
        world.pass(pause)
      }
      world.pass(130_000)
      for (const [heard, speaker] of [
        [world.alice.delivered, "bob"],
        [world.bob.delivered, "alice"],
      ] as const) {
        assert.strictEqual(new Set(heard).size, heard.length)
        assert.isTrue(heard.every((text) => text.startsWith(speaker)))
      }
      assert.strictEqual(world.nonces.used.size, world.wire.length)
    },
    { arbitrary: { runs: 80, size: 40 } },
  )

  it.prop(
    "stay together for ten minutes, with new keys every two, and are open to each other afterwards",
    [fates, integer(0, 20_000)],
    ([fates, calm]) => {
      const world = new World({ fate: fateOf(fates.map((fate) => fate.map((delay) => delay % 700))) })
      // Every other datagram at least gets through, so that silence is none of the network's doing.
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
      world.pass(3000)
      world.alice.say("hello")
      world.bob.say("hello yourself")
      world.pass(100)
      assert.strictEqual(world.bob.delivered.at(-1), "hello")
      assert.strictEqual(world.alice.delivered.at(-1), "hello yourself")
      assert.isAtLeast(world.alice.epoch, 4)
      assert.isAtMost(world.alice.epoch - world.bob.epoch, 1)
    },
    { arbitrary: { runs: 25, size: 40 } },
  )
})

describe("opening", () => {
  it("is by any record of the other, and is answered at once, with one record", () => {
    const world = new World({ fate: () => [] })
    world.pass(100)
    assert.lengthOf(world.wire, 2)
    const [ofAlice] = world.wire
    world.deliver(ofAlice!)
    assert.isTrue(world.bob.opened)
    assert.lengthOf(world.wire, 3)
    world.deliver(world.wire[2]!)
    assert.isTrue(world.alice.opened)
  })

  it("does not happen by a CLOSE: that is the end", () => {
    const world = new World({ fate: () => [] })
    world.alice.sayFrames(Frame.close)
    world.deliver(world.alice.sent.at(-1)!)
    assert.isFalse(world.bob.opened)
    assert.strictEqual(world.bob.ending?.reason, "closed_by_peer")
  })

  it("leaves nobody waiting if the first answers are lost", () => {
    for (const lost of [3, 4, 5, 10, 30]) {
      const world = new World()
      let sent = 0
      world.fate = () => (sent++ < lost ? [] : [20])
      world.pass(10_000)
      assert.isTrue(world.alice.opened && world.bob.opened)
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

  it("asks when it has not heard the other for twelve seconds, and ends after twenty-five", () => {
    const world = new World().opened()
    world.bob.dead = true
    const start = world.alice.state.heardAt
    const before = world.alice.sent.length
    world.timeline.advance(start + 11_999)
    assert.isAtMost(world.alice.sent.length, before + 2)
    world.timeline.advance(start + 24_999)
    assert.isUndefined(world.alice.ending)
    assert.isAbove(world.alice.sent.length, before + 25)
    world.timeline.advance(start + 25_000)
    assert.deepStrictEqual(world.alice.ending, { reason: "timeout", at: start + 25_000 })
    const sent = world.alice.sent.length
    world.pass(60_000)
    assert.lengthOf(world.alice.sent, sent)
  })

  it("lives on where three of ten datagrams are lost", () => {
    for (let seed = 0; seed < 10; seed++) {
      const random = bytesOf(`loss ${seed}`, 4000)
      let sent = 0
      const world = new World({ fate: () => (random[sent++ % random.length]! < 77 ? [] : [20]) })
      world.pass(900_000)
      assert.isUndefined(world.alice.ending)
      assert.isUndefined(world.bob.ending)
    }
  })

  it("does not end because the clock on the wall is set back", () => {
    const world = new World().opened()
    world.alice.wallAhead = -86_400_000
    world.pass(300_000)
    assert.isUndefined(world.alice.ending)
    assert.isAtLeast(world.alice.epoch, 2)
  })

  it("ends when it has slept for more than three minutes, without a word more, though its own clock stood still", () => {
    const world = new World().opened()
    world.alice.wallAhead = 180_001
    const sent = world.alice.sent.length
    world.alice.say("with old keys")
    assert.strictEqual(world.alice.ending?.reason, "timeout")
    assert.lengthOf(world.alice.sent, sent)
    const other = new World().opened()
    other.bob.wallAhead = 180_001
    other.alice.say("with old keys")
    other.pass(30)
    assert.strictEqual(other.bob.ending?.reason, "timeout")
    assert.isEmpty(other.bob.delivered)
  })
})

describe("texts", () => {
  it("of several parts arrive whole, in whatever order the parts come", () => {
    const text = "0123456789".repeat(400)
    const parts = Texts.frames(7, text)
    assert.lengthOf(parts, 4)
    for (const order of [
      [0, 1, 2, 3],
      [3, 2, 1, 0],
      [2, 0, 3, 1],
    ]) {
      let waiting = Texts.none
      const whole: Array<string | undefined> = []
      for (const part of order) {
        const [next, text] = Texts.add(waiting, parts[part]!)
        waiting = next
        whole.push(text)
      }
      assert.deepStrictEqual(whole, [undefined, undefined, undefined, text])
      assert.isEmpty(waiting)
    }
  })

  it("that are not whole take at most eight times 4,096 bytes, however many come", () => {
    let waiting = Texts.none
    for (let number = 0; number < 500; number++) {
      const part = (part: number): Frame.Text => ({
        _tag: "Text",
        number,
        part,
        parts: 8,
        bytes: new Uint8Array(Frame.maxTextPartBytes),
      })
      for (let i = 0; i < 7; i++) {
        waiting = Texts.add(waiting, part(i))[0]
        const kept = waiting.flatMap(({ parts }) => parts.map((part) => part?.length ?? 0))
        assert.isAtMost(
          kept.reduce((sum, length) => sum + length, 0),
          8 * 4096,
        )
        assert.isAtMost(waiting.length, 8)
      }
    }
  })

  it("do not keep a record in memory for a part of it", () => {
    const record = new Uint8Array(16_384)
    const [[waiting]] = Texts.add(Texts.none, {
      _tag: "Text",
      number: 1,
      part: 0,
      parts: 2,
      bytes: record.subarray(100, 110),
    })
    assert.strictEqual(waiting?.parts[0]?.buffer.byteLength, 10)
  })

  it("are cut between any two bytes, and whole again", () => {
    for (const length of [0, 1, 1191, 1192, 1193, 2382, 4095, 4096]) {
      const text = "a" + "é".repeat(Math.max(0, Math.floor((length - 1) / 2)))
      let waiting = Texts.none
      let whole: string | undefined
      for (const frame of Texts.frames(0, text)) [waiting, whole] = Texts.add(waiting, frame)
      assert.strictEqual(whole, text)
    }
  })

  it("that are no UTF-8 are shown as such", () => {
    const bytes = Uint8Array.of(0x61, 0xff, 0xed, 0xa0, 0x80)
    const [, text] = Texts.add(Texts.none, { _tag: "Text", number: 0, part: 0, parts: 1, bytes })
    assert.match(text!, /^a\ufffd+$/)
  })
})

it("records of a conversation are all of a length that says little", () => {
  const world = new World().opened()
  for (let i = 0; i < 50; i++) world.alice.say("x".repeat(i))
  world.pass(200_000)
  assert.isTrue(world.wire.every(({ payload }) => RecordHeader.isRecord(payload)))
  assert.deepStrictEqual([...new Set(world.wire.map(({ payload }) => payload.length))].toSorted(), [160, 96])
})
