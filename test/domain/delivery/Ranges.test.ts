import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Ranges from "../../../src/domain/delivery/Ranges.ts"
import { integer, pick } from "../arbitraries.ts"

const changes = Arbitrary.array(Arbitrary.all([pick("add", "subtract"), integer(0, 30), integer(0, 30)]), {
  maxLength: 12,
})

it.prop(
  "ranges of a stream have what was added and not taken away again, in order and apart",
  [changes],
  ([changes]) => {
    let ranges = Ranges.none
    const model = new Set<number>()
    for (const [change, start, end] of changes) {
      ranges = change === "add" ? Ranges.add(ranges, start, end) : Ranges.subtract(ranges, start, end)
      for (let at = start; at < end; at++) {
        if (change === "add") model.add(at)
        else model.delete(at)
      }
    }
    const all = ranges.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, i) => start + i))
    assert.deepStrictEqual(
      all,
      [...model].toSorted((a, b) => a - b),
    )
    assert.isTrue(ranges.every(({ start, end }, i) => start < end && (i === 0 || ranges[i - 1]!.end < start)))
  },
  { arbitrary: { runs: 500, size: 40 } },
)

describe("nothing", () => {
  it("changes nothing", () => {
    const some = Ranges.add(Ranges.none, 3, 5)
    assert.strictEqual(Ranges.add(some, 9, 9), some)
    assert.strictEqual(Ranges.subtract(some, 5, 3), some)
  })
})
