import { assert, describe, it } from "@effect/vitest"
import * as Congestion from "../../../src/domain/delivery/Congestion.ts"
import { maxRecordBytes } from "../../../src/domain/record/RecordHeader.ts"

describe("the congestion window (RFC 9002, section 7)", () => {
  const { initial } = Congestion

  it("is ten records at first, and grows by what arrives while it is used", () => {
    assert.strictEqual(initial.window, 10 * maxRecordBytes)
    assert.isTrue(Congestion.admits(initial, 9 * maxRecordBytes))
    assert.isFalse(Congestion.admits(initial, 9 * maxRecordBytes + 1))
    assert.strictEqual(Congestion.arrived(initial, 2000, initial.window).window, initial.window + 2000)
    assert.strictEqual(Congestion.arrived(initial, 2000, 2000), initial)
  })

  it("never is more than 256 KiB", () => {
    let state = initial
    for (let i = 0; i < 100; i++) state = Congestion.arrived(state, state.window, state.window)
    assert.strictEqual(state.window, 256 * 1024)
  })

  it("is halved by a loss, once for what was sent before it, and then grows by a record a round trip", () => {
    const halved = Congestion.lost({ ...initial, window: 80_000 }, 10, 50)
    assert.strictEqual(halved.window, 40_000)
    assert.strictEqual(Congestion.lost(halved, 50, 60), halved)
    assert.strictEqual(Congestion.lost(halved, 51, 60).window, 20_000)
    assert.closeTo(Congestion.arrived(halved, 40_000, 40_000).window, 40_000 + maxRecordBytes, 1)
  })

  it("is two records at least, also when nothing has arrived for long", () => {
    let state = initial
    for (let i = 0; i < 20; i++) state = Congestion.lost(state, i, i)
    assert.strictEqual(state.window, 2 * maxRecordBytes)
    assert.strictEqual(Congestion.collapsed({ ...initial, window: 80_000 }).window, 2 * maxRecordBytes)
  })
})
