import { assert, describe, it } from "@effect/vitest"
import * as Delivery from "../../../src/domain/delivery/Delivery.ts"
import * as Queue from "../../../src/domain/delivery/Queue.ts"
import type * as Frame from "../../../src/domain/record/Frame.ts"
import { bytesOf } from "../crypto/primitives.ts"
import { blackout, calm, Channel, randomOf, type Weather } from "./Channel.ts"

const channelIn = (weather: Weather = calm, seed = 1) => new Channel(randomOf(seed), weather)
const text = (...words: ReadonlyArray<string>) => words.map((word) => new TextEncoder().encode(word))
const record = (counter: number, epoch = 0): Delivery.RecordNumber => ({ epoch, counter })
const data = (offset: number, bytes: Uint8Array): Frame.Data => ({ _tag: "Data", offset, bytes })
const ack = (fields: Partial<Frame.Ack>): Frame.Ack => ({
  _tag: "Ack",
  consumed: 0,
  limit: 0,
  delay: 0,
  epoch: 0,
  ranges: [],
  ...fields,
})
/** A message that fits into one byte of length. */
const message = (...body: ReadonlyArray<number>) => Uint8Array.of(1, 0, 0, body.length, ...body)

const fill = (state: Delivery.State, counter: number, now: number, room = 1200) =>
  Delivery.fill(state, record(counter), room, now)
const heard = (state: Delivery.State, counter: number, now: number, ...frames: ReadonlyArray<Frame.Frame>) =>
  Delivery.heard(state, frames, record(counter), now)

describe("acknowledgements", () => {
  const first = () => heard(Delivery.initial(), 0, 100, data(0, message(1)))[0]

  it("of one record wait for 25 ms, and say how long they waited", () => {
    const state = first()
    assert.deepStrictEqual(fill(state, 0, 100)[1], [])
    assert.strictEqual(Delivery.dueAt(state), 125)
    const [next, frames] = fill(Delivery.due(state, 125), 0, 125)
    assert.deepStrictEqual(frames, [ack({ limit: 262_144, delay: 25, ranges: [{ first: 0, last: 0 }] })])
    assert.strictEqual(Delivery.dueAt(next), Infinity)
    assert.deepStrictEqual(fill(next, 1, 125)[1], [])
  })

  it("of two records go at once, as do those of one out of order, behind a gap, or of what was known", () => {
    const two = heard(first(), 1, 101, data(5, message(2)))[0]
    assert.lengthOf(fill(two, 0, 101)[1], 1)
    const gap = heard(first(), 2, 101, data(5, message(2)))[0]
    assert.lengthOf(fill(gap, 0, 101)[1], 1)
    const again = heard(fill(Delivery.due(first(), 125), 0, 125)[0], 1, 130, data(0, message(1)))[0]
    assert.lengthOf(fill(again, 1, 130)[1], 1)
  })

  it("go more seldom the more records came in order, within 25 ms still, and for every second again after a gap", () => {
    let state = Delivery.initial()
    let counter = 0
    let acknowledgedAt: Array<number> = []
    const hear = (offset: number): void => {
      state = heard(state, counter, counter, data(offset, message(counter & 0xff)))[0]
      const [next, frames] = fill(state, 0, counter)
      if (frames.length > 0) acknowledgedAt.push(counter)
      state = next
      counter += 1
    }
    for (let i = 0; i < 170; i++) hear(5 * i)
    const everySecond = Array.from({ length: 16 }, (_, i) => 2 * i + 1)
    const everyEighth = Array.from({ length: 12 }, (_, i) => 39 + 8 * i)
    assert.deepStrictEqual(acknowledgedAt, [...everySecond, ...everyEighth, 143, 159])
    assert.strictEqual(Delivery.dueAt(state), 160 + 25)

    acknowledgedAt = []
    counter += 1
    for (let i = 171; i < 175; i++) hear(5 * i)
    // It was lost in another record, and comes in this one.
    hear(5 * 170)
    for (let i = 175; i < 179; i++) hear(5 * i)
    assert.deepStrictEqual(acknowledgedAt, [171, 173, 175, 177, 179])
  })

  it("ride on data that goes anyhow", () => {
    const [, frames] = fill(Delivery.say(first(), text("hello")), 0, 101)
    assert.deepStrictEqual(
      frames.map(({ _tag }) => _tag),
      ["Ack", "Data"],
    )
  })

  it("are never given for records without data, and those make no gap", () => {
    const state = heard(first(), 1, 101, ack({ limit: 262_144 }), { _tag: "Probe" })[0]
    assert.deepStrictEqual(fill(state, 0, 101)[1], [])
    const next = heard(state, 2, 102, data(5, message(2)))[0]
    assert.deepStrictEqual((fill(next, 0, 102)[1][0] as Frame.Ack).ranges, [{ first: 0, last: 2 }])
  })

  it("are given for the epoch before too, shortly after a rekey", () => {
    const [rekeyed] = Delivery.heard(first(), [data(10, message(3))], record(0, 1), 101)
    const [late] = Delivery.heard(rekeyed, [data(5, message(2))], record(1, 0), 102)
    const [, frames] = fill(late, 0, 102)
    assert.deepStrictEqual(
      frames.map((frame) => [(frame as Frame.Ack).epoch, (frame as Frame.Ack).ranges]),
      [
        [0, [{ first: 0, last: 1 }]],
        [1, [{ first: 0, last: 0 }]],
      ],
    )
  })

  it("that the other knows of are not repeated", () => {
    const [sent] = fill(Delivery.say(first(), text("hello")), 0, 101)
    const [state] = heard(sent, 1, 140, data(5, message(2)), ack({ ranges: [{ first: 0, last: 0 }] }))
    assert.deepStrictEqual((fill(Delivery.due(state, 170), 1, 170)[1][0] as Frame.Ack).ranges, [{ first: 1, last: 1 }])
  })

  it("leave out ranges that do not fit into the record", () => {
    let state = Delivery.initial()
    for (let i = 0; i < 40; i++) state = heard(state, 2 * i, 0, data(20 * i, message(1)))[0]
    assert.lengthOf((fill(state, 0, 0)[1][0] as Frame.Ack).ranges, 32)
    assert.lengthOf((fill(state, 0, 0, 60)[1][0] as Frame.Ack).ranges, 3)
    assert.deepStrictEqual(fill(state, 0, 0, 30)[1], [])
  })
})

describe("what is said", () => {
  it("is sent at once, many messages in a record, and told when all of it was sent and delivered", () => {
    const said = Delivery.say(Delivery.initial(), text("a", "bc", ""))
    assert.strictEqual(Delivery.sent(said), 0)
    const [sent, frames] = fill(said, 0, 0)
    assert.deepStrictEqual(frames, [data(0, Uint8Array.of(1, 0, 0, 1, 97, 1, 0, 0, 2, 98, 99, 1, 0, 0, 0))])
    assert.strictEqual(Delivery.sent(sent), 3)
    assert.isFalse(Delivery.isIdle(sent))
    const [done, result] = heard(sent, 0, 40, ack({ ranges: [{ first: 0, last: 0 }] }))
    assert.deepStrictEqual(result, { messages: [], delivered: 3, acknowledged: [record(0)] })
    assert.isTrue(Delivery.isIdle(done))
    assert.strictEqual(Delivery.roundTripMillis(done), 40)
  })

  it("is taken up to 1 MiB and 65,536 bytes a message; what is too much is not said, and the state is the same", () => {
    const tooLong = Delivery.say(Delivery.initial(), [new Uint8Array(65_537)])
    assert.strictEqual(tooLong, Delivery.initial())
    let state = Delivery.initial()
    const long = new Uint8Array(65_536)
    while (Delivery.room(state) >= long.length) state = Delivery.say(state, [long])
    assert.strictEqual(Delivery.say(state, [long]), state)
    const full = Delivery.say(state, [long.subarray(0, Delivery.room(state))])
    assert.strictEqual(Delivery.room(full), 0)
    assert.strictEqual(Delivery.say(full, [new Uint8Array(0)]), full)
  })

  it("goes on from a state as often as from a copy of it: no state changes another", () => {
    const [begun] = fill(Delivery.say(Delivery.initial(), text("one")), 0, 0)
    const left = Delivery.say(begun, text("left"))
    const right = Delivery.say(begun, text("right"))
    const tail = (state: Delivery.State) => (fill(state, 1, 0)[1][0] as Frame.Data).bytes.subarray(4)
    assert.deepStrictEqual(tail(left), text("left")[0])
    assert.deepStrictEqual(tail(right), text("right")[0])
    const half = heard(Delivery.initial(), 0, 0, data(0, message(1, 2, 3, 4).subarray(0, 6)))[0]
    assert.deepStrictEqual(heard(half, 1, 0, data(6, Uint8Array.of(3, 4)))[1].messages, [Uint8Array.of(1, 2, 3, 4)])
    assert.deepStrictEqual(heard(half, 1, 0, data(6, Uint8Array.of(8, 9)))[1].messages, [Uint8Array.of(1, 2, 8, 9)])
  })
})

describe("a message", () => {
  it("of 64 KiB goes through in records, with others before and behind", () => {
    const channel = channelIn({ loss: 0.1, duplication: 0.1, delay: 20, jitter: 30 })
    channel.alice.say(...text("before"), bytesOf("long", 65_536), ...text("behind"))
    channel.settle(60_000)
    channel.assertDelivered()
  })

  it("arrives after half a round trip, and twenty do so together", () => {
    const channel = channelIn()
    channel.alice.say(...Array.from({ length: 20 }, (_, i) => bytesOf(`${i}`, 64)))
    channel.pass(20)
    assert.lengthOf(channel.bob.got, 20)
    channel.settle(10_000)
    assert.strictEqual(channel.alice.sent, 2)
    assert.strictEqual(channel.bob.sent, 1)
  })

  it("that is lost comes again after a probe, and one lost among others after a round trip", () => {
    const channel = channelIn()
    channel.alice.say(...text("so that the round trip is known"))
    channel.settle(1000)
    channel.weather = blackout
    channel.alice.say(...text("lost"))
    channel.weather = calm
    channel.pass(250)
    assert.lengthOf(channel.bob.got, 2)
    channel.settle(1000)

    channel.weather = blackout
    channel.alice.say(...text("lost"))
    channel.weather = calm
    for (let i = 0; i < 3; i++) channel.alice.say(...text("not lost"))
    channel.pass(61)
    assert.lengthOf(channel.bob.got, 6)
    channel.settle(1000)
    channel.assertDelivered()
  })
})

describe("a path", () => {
  it("that carries nothing for hours is asked every 15 seconds, and everything arrives soon after", () => {
    const channel = channelIn()
    channel.alice.say(...text("hello"))
    channel.settle(1000)
    channel.weather = blackout
    for (let i = 0; i < 200; i++) {
      channel.alice.say(bytesOf(`${i}`, 500))
      channel.bob.say(bytesOf(`bob ${i}`, 5))
      channel.pass(1000)
    }
    const before = channel.alice.sent
    channel.pass(3 * 3_600_000)
    assert.isAtMost(channel.alice.sent - before, 720)
    assert.isAtLeast(channel.alice.sent - before, 700)
    channel.weather = calm
    channel.pass(17_000)
    assert.isTrue(Delivery.isIdle(channel.alice.state) && Delivery.isIdle(channel.bob.state))
    channel.settle(1000)
    channel.assertDelivered()
  })

  it("that is new carries at once what was under way on the old one", () => {
    const channel = channelIn()
    channel.weather = blackout
    channel.alice.say(...text("one"), bytesOf("two", 9000))
    channel.pass(10_000)
    channel.weather = calm
    channel.alice.move()
    channel.pass(20)
    assert.lengthOf(channel.bob.got, 2)
    channel.settle(1000)
    channel.assertDelivered()
  })

  it("that was only slow has what it carried counted, though it was thought lost", () => {
    const channel = channelIn({ ...calm, delay: 400 })
    channel.alice.say(...text("slow"))
    channel.alice.move()
    channel.weather = blackout
    channel.alice.move()
    channel.weather = { ...calm, delay: 1 }
    channel.pass(450)
    assert.isTrue(Delivery.isIdle(channel.alice.state))
    assert.strictEqual(Delivery.dueAt(channel.alice.state), Infinity)
  })

  it("says how long it takes, and nothing of that is believed of the next one", () => {
    const channel = channelIn({ ...calm, delay: 70 })
    channel.alice.say(...text("one"), ...text("two"))
    channel.settle(1000)
    assert.closeTo(Delivery.roundTripMillis(channel.alice.state)!, 140, 30)
    channel.alice.move()
    assert.isUndefined(Delivery.roundTripMillis(channel.alice.state))
  })
})

describe("new keys after a pause", () => {
  it("carry again what was not acknowledged, and nothing twice", () => {
    const channel = channelIn()
    channel.weather = blackout
    channel.alice.say(...text("lost"), bytesOf("long", 20_000))
    channel.pass(5000)
    channel.weather = calm
    channel.pass(100)
    channel.alice.resume()
    channel.bob.resume()
    channel.settle(1000)
    channel.assertDelivered()
  })

  it("make no acknowledgement count that was of the keys before", () => {
    const [sent] = fill(Delivery.say(Delivery.initial(), text("hello")), 0, 0)
    const state = Delivery.resumed(sent)
    assert.strictEqual(Delivery.dueAt(state), Infinity)
    assert.isFalse(Delivery.isIdle(heard(state, 0, 1, ack({ ranges: [{ first: 0, last: 0 }] }))[0]))
  })
})

describe("a reader who takes nothing", () => {
  const fillUp = () => {
    const channel = channelIn()
    channel.bob.takes = false
    for (let i = 0; i < 60; i++) channel.alice.say(bytesOf(`${i}`, 10_000))
    channel.pass(60_000)
    return channel
  }

  it("is sent 262,144 bytes and no more, and asked now and then; all else waits at the sender", () => {
    const channel = fillUp()
    assert.strictEqual(channel.alice.state.sending.next, 262_144)
    const before = channel.alice.sent
    channel.pass(3_600_000)
    assert.isAtMost(channel.alice.sent - before, 250)
    assert.isAtLeast(channel.alice.sent - before, 200)
    channel.bob.takes = true
    channel.bob.take()
    channel.settle(60_000)
    channel.assertDelivered()
  })

  it("lets the rest come at once by taking half, and soon if the word of it is lost", () => {
    const heardOf = fillUp()
    heardOf.bob.take(14)
    heardOf.pass(100)
    assert.isAbove(heardOf.alice.state.sending.next, 262_144)

    const lost = fillUp()
    lost.weather = blackout
    lost.bob.take(14)
    lost.weather = calm
    assert.isAbove(lost.alice.state.asked, 3)
    for (let i = 0; i < 151 && lost.alice.state.sending.next === 262_144; i++) lost.pass(100)
    assert.isAbove(lost.alice.state.sending.next, 262_144)
    // It is asked as soon for the next limit as it was for the first.
    assert.isAtMost(lost.alice.state.asked, 1)
  })
})

describe("what a hostile program sends", () => {
  const said = () => fill(Delivery.say(Delivery.initial(), text("hello")), 0, 0)[0]

  it("as an acknowledgement that can't be is passed over", () => {
    for (const [what, wrong] of Object.entries({
      "of records never sent": ack({ ranges: [{ first: 1, last: 2 ** 48 - 1 }] }),
      "of another epoch": ack({ epoch: 7, ranges: [{ first: 0, last: 5 }] }),
      "with more consumed than was sent": ack({ consumed: 10 }),
      "the wrong way round": ack({ ranges: [{ first: 1, last: 0 }] }),
      "lowest first": ack({
        ranges: [
          { first: 0, last: 0 },
          { first: 5, last: 6 },
        ],
      }),
      touching: ack({
        ranges: [
          { first: 1, last: 5 },
          { first: 0, last: 0 },
        ],
      }),
      "of too many ranges": ack({
        ranges: Array.from({ length: 33 }, (_, i) => ({ first: 64 - 2 * i, last: 64 - 2 * i })),
      }),
    })) {
      const [state, result] = heard(said(), 0, 10, wrong)
      assert.isFalse(Delivery.isIdle(state), what)
      assert.deepStrictEqual(result, { messages: [], delivered: 0, acknowledged: [] }, what)
    }
  })

  it("as a limit that goes down is passed over", () => {
    const [state] = heard(said(), 0, 10, ack({ limit: 0 }))
    assert.strictEqual(state.sending.limit, 262_144)
  })

  it("beyond the limit is neither kept nor acknowledged", () => {
    const [state, result] = heard(Delivery.initial(), 0, 0, data(262_140, message(1)))
    assert.deepStrictEqual(result.messages, [])
    assert.strictEqual(state, Delivery.initial())
    assert.lengthOf(heard(Delivery.initial(), 0, 0, data(2 ** 48 - 1, message(1)))[1].messages, 0)
  })

  it("as a message longer than 65,536 bytes ends the chat, of whatever kind it is", () => {
    for (const kind of [1, 9]) {
      const [state, { failed }] = heard(Delivery.initial(), 0, 0, data(0, Uint8Array.of(kind, 1, 0, 1)))
      assert.strictEqual(failed, "protocol")
      assert.strictEqual(heard(state, 1, 0, data(0, message(1)))[1].failed, "protocol")
    }
    assert.isUndefined(heard(Delivery.initial(), 0, 0, data(0, Uint8Array.of(1, 1, 0, 0)))[1].failed)
  })

  it("as messages of unknown kinds is skipped, and uses up nothing", () => {
    const skipped = Uint8Array.of(9, 0, 0, 2, 7, 7)
    const [state, { messages }] = heard(
      Delivery.initial(),
      0,
      0,
      data(0, Uint8Array.of(...skipped, ...message(1), ...skipped, ...message(2), ...skipped)),
    )
    assert.deepStrictEqual(messages, [Uint8Array.of(1), Uint8Array.of(2)])
    assert.strictEqual(state.receiving.consumed, 6)
    assert.strictEqual(Delivery.taken(state, 1).receiving.consumed, 17)
    assert.strictEqual(Delivery.taken(state, 2).receiving.consumed, 28)
    assert.isTrue(Queue.isEmpty(Delivery.taken(state, 99).receiving.untaken))
  })
})
