import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as ReplayWindow from "../../../src/domain/record/ReplayWindow.ts"
import { integer, oneOf, pick } from "../arbitraries.ts"

const takenUpTo = (...counters: ReadonlyArray<number>) => {
  const window = ReplayWindow.make()
  for (const counter of counters) ReplayWindow.take(window, counter)
  return window
}

describe("a counter", () => {
  it("is taken once", () => {
    const window = takenUpTo(0)
    assert.isFalse(ReplayWindow.isFresh(window, 0))
    assert.isTrue(ReplayWindow.isFresh(window, 1))
  })

  it("may come late by 2,016, and not by one more", () => {
    for (const highest of [2016, 2047, 2048, 5000, 2 ** 32 + 5, 2 ** 48 - 1]) {
      const window = takenUpTo(highest)
      assert.isTrue(ReplayWindow.isFresh(window, highest - 2016), `${highest}`)
      if (highest > 2016) assert.isFalse(ReplayWindow.isFresh(window, highest - 2017), `${highest}`)
      assert.isFalse(ReplayWindow.isFresh(window, highest), `${highest}`)
    }
  })

  it("is told apart from the one that had its bit before", () => {
    const window = takenUpTo(10, 10 + 2048)
    assert.isFalse(ReplayWindow.isFresh(window, 10 + 2048))
    const far = takenUpTo(10, 10 + 5 * 2048)
    assert.isTrue(ReplayWindow.isFresh(far, 9 + 5 * 2048))
  })
})

/** Steps between counters: small ones, those around the size of the window, and giant leaps. */
const step = oneOf(
  integer(-40, 40),
  pick(-2048, -2017, -2016, -2015, -1985, -1984, -33, -32, 31, 32, 33, 1984, 2015, 2016, 2017, 2047, 2048, 2049),
  integer(-2100, 2100),
  pick(2 ** 20, 2 ** 32 - 3),
)
const start = pick(0, 1, 31, 2016, 2 ** 31 - 5, 2 ** 32 - 40, 2 ** 32, 2 ** 40 + 17, 2 ** 48 - 5000)

it.prop(
  "the window is the same as a set of all counters taken, as far back as it reaches",
  [start, Arbitrary.array(step, { minLength: 1, maxLength: 60 })],
  ([start, steps]) => {
    const window = ReplayWindow.make()
    const taken = new Set<number>()
    let highest = -1
    let counter = start
    for (const by of steps) {
      counter = Math.max(0, counter + by)
      const expected = !taken.has(counter) && counter >= highest - 2016
      assert.strictEqual(ReplayWindow.isFresh(window, counter), expected, `${counter} after ${highest}`)
      if (!expected) continue
      ReplayWindow.take(window, counter)
      taken.add(counter)
      highest = Math.max(highest, counter)
      assert.strictEqual(window.highest, highest)
    }
  },
  { arbitrary: { runs: 600, size: 60 } },
)
