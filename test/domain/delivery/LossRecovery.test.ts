import { assert, describe, it } from "@effect/vitest"
import * as LossRecovery from "../../../src/domain/delivery/LossRecovery.ts"
import * as RoundTrip from "../../../src/domain/delivery/RoundTrip.ts"

/** Records 0, 1, … sent at such times, each with ten bytes of the stream. */
const sentAt = (...times: ReadonlyArray<number>) =>
  times.reduce(
    (state, at, i) =>
      LossRecovery.send(state, {
        record: { epoch: 0, counter: i },
        at,
        range: { start: 10 * i, end: 10 * i + 10 },
        bytes: 100,
        acknowledges: undefined,
      }),
    LossRecovery.initial,
  )

const arrived = (state: LossRecovery.LossRecovery, now: number, ...counters: ReadonlyArray<number>) =>
  LossRecovery.acknowledged(
    state,
    0,
    counters.toReversed().map((counter) => ({ first: counter, last: counter })),
    0,
    now,
  )

const counters = (records: ReadonlyArray<LossRecovery.Sent>) => records.map(({ record }) => record.counter)

describe("a record", () => {
  it("is lost when one arrived that was sent three later (RFC 9002, section 6.1.1)", () => {
    const [state] = arrived(sentAt(0, 0, 0, 0, 0), 50, 3)
    const [next, lost] = LossRecovery.detect(state, 50)
    assert.deepStrictEqual(counters(lost), [0])
    assert.strictEqual(next.inFlight, 300)
  })

  it("is lost when a later one arrived and it is older than 9/8 of a round trip (section 6.1.2)", () => {
    const [state] = arrived(sentAt(0, 80, 81), 160, 1)
    assert.strictEqual(LossRecovery.lossAt(state), 90)
    assert.deepStrictEqual(counters(LossRecovery.detect(state, 89)[1]), [])
    assert.deepStrictEqual(counters(LossRecovery.detect(state, 90)[1]), [0])
    assert.strictEqual(LossRecovery.lossAt(LossRecovery.detect(state, 90)[0]), Infinity)
  })

  it("is lost after 15 seconds at most, though who is on the way had one acknowledgement take longer", () => {
    const [held] = arrived(sentAt(0, 100_000, 101_000), 90_000, 0)
    assert.strictEqual(held.roundTrip.latest, 90_000)
    const [state] = arrived(held, 101_020, 2)
    assert.strictEqual(LossRecovery.lossAt(state), 115_000)
    assert.deepStrictEqual(counters(LossRecovery.detect(state, 115_000)[1]), [1])
  })

  it("that was thought lost counts as arrived when it is acknowledged late", () => {
    const [before] = arrived(sentAt(0, 0, 0, 0), 50, 3)
    const [state, lost] = LossRecovery.detect(before, 50)
    assert.deepStrictEqual(counters(lost), [0])
    const [next, found] = arrived(state, 60, 0, 1)
    assert.deepStrictEqual(counters(found.arrived), [0, 1])
    assert.strictEqual(found.bytes, 100)
    assert.isEmpty(next.lost)
  })

  it("of one epoch is not taken for that of another with the same counter", () => {
    const [, found] = LossRecovery.acknowledged(sentAt(0, 0), 1, [{ first: 0, last: 9 }], 0, 10)
    assert.isEmpty(found.arrived)
    let both = sentAt(0, 0, 0, 0)
    for (const counter of [0, 1]) {
      const record = { epoch: 1, counter }
      both = LossRecovery.send(both, {
        record,
        at: 5,
        range: { start: 0, end: 1 },
        bytes: 100,
        acknowledges: undefined,
      })
    }
    const [left, newer] = LossRecovery.acknowledged(both, 1, [{ first: 0, last: 1 }], 0, 10)
    assert.deepStrictEqual(
      newer.arrived.map(({ record }) => record),
      [
        { epoch: 1, counter: 0 },
        { epoch: 1, counter: 1 },
      ],
    )
    assert.deepStrictEqual(
      counters(LossRecovery.acknowledged(left, 0, [{ first: 1, last: 9 }], 0, 10)[1].arrived),
      [1, 2, 3],
    )
  })

  it("that is lost is remembered, but not more than 512 of them", () => {
    const [state] = LossRecovery.moved(sentAt(...Array.from({ length: 1000 }, () => 0)), 5)
    assert.lengthOf(state.lost, LossRecovery.maxLost)
    assert.strictEqual(state.inFlight, 0)
  })
})

describe("the round trip (RFC 9002, section 5.3)", () => {
  it("is smoothed, without what the other waited, but never below the least", () => {
    const first = RoundTrip.measure(RoundTrip.initial, 100, 20)
    assert.deepStrictEqual(first, { isMeasured: true, latest: 100, smoothed: 100, variation: 50, least: 100 })
    const second = RoundTrip.measure(first, 140, 20)
    assert.deepStrictEqual(second, { isMeasured: true, latest: 140, smoothed: 102.5, variation: 42.5, least: 100 })
    assert.strictEqual(RoundTrip.measure(first, 110, 20).smoothed, 101.25)
  })

  it("is asked for after a second at first, then ever later, and every 15 seconds at last", () => {
    assert.strictEqual(RoundTrip.probeMillis(RoundTrip.initial), 333 + 666 + 25)
    assert.strictEqual(RoundTrip.backedOff(RoundTrip.initial, 1), 2048)
    assert.strictEqual(RoundTrip.backedOff(RoundTrip.initial, 4), 15_000)
    assert.strictEqual(RoundTrip.backedOff(RoundTrip.initial, 1e9), 15_000)
  })

  it("is measured by the newest record only, and not by those of another path", () => {
    const [state] = arrived(sentAt(0, 10), 60, 1)
    assert.strictEqual(state.roundTrip.latest, 50)
    assert.strictEqual(arrived(state, 500, 0)[0].roundTrip.latest, 50)
    const [moved] = LossRecovery.moved(sentAt(0, 10), 20)
    assert.isFalse(arrived(moved, 500, 1)[0].roundTrip.isMeasured)
  })
})

describe("persistent congestion (RFC 9002, section 7.6)", () => {
  it("is when nothing arrived of what was sent for three probe time-outs and more", () => {
    const measured = arrived(sentAt(0), 50, 0)[0]
    const sent = [60, 100, 700, 710, 720, 730].reduce(
      (state, at, i) =>
        LossRecovery.send(state, {
          record: { epoch: 0, counter: i + 1 },
          at,
          range: { start: 0, end: 1 },
          bytes: 100,
          acknowledges: undefined,
        }),
      measured,
    )
    const persistent = (...which: ReadonlyArray<number>) => {
      const [state, found] = arrived(sent, 780, ...which)
      return LossRecovery.isPersistent(sent, found.arrived, LossRecovery.detect(state, 5000)[1])
    }
    assert.strictEqual(RoundTrip.persistentMillis(sent.roundTrip), 3 * (50 + 100 + 25))
    assert.isTrue(persistent(6))
    assert.isFalse(persistent(2, 6))
    assert.isFalse(persistent(3))
  })
})
