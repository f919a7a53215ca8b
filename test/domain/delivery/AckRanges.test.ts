import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as AckRanges from "../../../src/domain/delivery/AckRanges.ts"
import { integer } from "../arbitraries.ts"

const ofAll = (counters: Iterable<number>): AckRanges.AckRanges | undefined => {
  let ranges: AckRanges.AckRanges | undefined
  for (const counter of counters) ranges = AckRanges.add(ranges, counter)
  return ranges
}

const pairs = (ranges: AckRanges.AckRanges | undefined) =>
  AckRanges.toArray(ranges, 99).map(({ first, last }) => [first, last])

describe("ranges of counters", () => {
  it.prop(
    "have the counters that were added and no others, as ranges that an acknowledgement may have",
    [Arbitrary.array(integer(0, 40), { maxLength: 40 })],
    ([counters]) => {
      const ranges = ofAll(counters)
      const array = AckRanges.toArray(ranges, 99)
      assert.isTrue(AckRanges.areRanges(array))
      assert.strictEqual(array.length, ranges?.size ?? 0)
      for (let i = 0; i <= 41; i++) assert.strictEqual(AckRanges.includes(ranges, i), counters.includes(i))
    },
    { arbitrary: { runs: 300, size: 40 } },
  )

  it.prop(
    "above a counter have those that are above it",
    [Arbitrary.array(integer(0, 30), { maxLength: 30 }), integer(-1, 31)],
    ([counters, limit]) => {
      const ranges = AckRanges.above(ofAll(counters), limit)
      const kept = counters.filter((counter) => counter > limit)
      assert.deepStrictEqual(pairs(ranges), pairs(ofAll(kept)))
      assert.strictEqual(ranges?.size, ofAll(kept)?.size)
    },
    { arbitrary: { runs: 300, size: 40 } },
  )

  it("forget the lowest when there would be more than 32", () => {
    const ranges = ofAll(Array.from({ length: 100 }, (_, i) => 2 * i))
    assert.strictEqual(ranges?.size, 32)
    assert.deepStrictEqual(pairs(ranges).at(-1), [136, 136])
    assert.strictEqual(AckRanges.add(ranges, 0).size, 32)
    assert.isFalse(AckRanges.includes(AckRanges.add(ranges, 0), 0))
  })
})
