import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as HashMap from "effect/HashMap"
import * as PersonId from "../../../src/domain/identity/PersonId.ts"
import * as RelayQuota from "../../../src/domain/nomitm1/RelayQuota.ts"
import { integer } from "../arbitraries.ts"

const limits: RelayQuota.Limits = {
  perUser: { burst: 10_000, perSecond: 2000 },
  total: { burst: 25_000, perSecond: 3000 },
}
const user = (n: number) => PersonId.ofBytes(new Uint8Array(32).fill(n))

/** Somebody's record: whose, how long, how many milliseconds after the one before. */
const records = Arbitrary.array(Arbitrary.all([integer(1, 5), integer(1, 1232), integer(0, 300)]), { maxLength: 400 })

describe("what a server relays", () => {
  it.prop(
    "is never more for an id, nor for all together, than the limits say",
    [records],
    ([records]) => {
      let now = 77
      let state = RelayQuota.initial(limits, now)
      const of = new Map<number, number>()
      let total = 0
      for (const [who, length, millis] of records) {
        now += millis
        const [next, verdict] = RelayQuota.take(limits, state, user(who), length, now)
        state = next
        const seconds = (now - 77) / 1000
        if (verdict !== "UserOver") of.set(who, (of.get(who) ?? 0) + Math.max(length, RelayQuota.leastBytes))
        if (verdict === "Within") total += Math.max(length, RelayQuota.leastBytes)
        for (const [, bytes] of of) assert.isAtMost(bytes, 10_000 + 2000 * seconds + 1e-3)
        assert.isAtMost(total, 25_000 + 3000 * seconds + 1e-3)
        assert.isAtMost(HashMap.size(state.users), 5)
      }
    },
    { arbitrary: { runs: 200, size: 400 } },
  )

  it("is a burst at once, then so many bytes a second, small records counted as 256 bytes", () => {
    let state = RelayQuota.initial(limits, 0)
    let carried = 0
    const take = (now: number): boolean => {
      const [next, verdict] = RelayQuota.take(limits, state, user(1), 1, now)
      state = next
      return verdict === "Within"
    }
    for (let n = 0; n < 1000; n++) if (take(0)) carried++
    assert.strictEqual(carried, Math.floor(10_000 / 256))
    for (let n = 0; n < 1000; n++) if (take(1000)) carried++
    assert.strictEqual(carried, Math.floor(12_000 / 256))
  })

  it("of one is not taken from another's, until all together are too many", () => {
    let state = RelayQuota.initial(limits, 0)
    const verdicts = [1, 1, 2, 2, 3, 3].map((who) => {
      const [next, verdict] = RelayQuota.take(limits, state, user(who), 6000, 0)
      state = next
      return verdict
    })
    assert.deepStrictEqual(verdicts, ["Within", "UserOver", "Within", "UserOver", "Within", "UserOver"])
    assert.strictEqual(RelayQuota.take(limits, state, user(4), 8000, 0)[1], "TotalOver")
  })

  it("is forgotten of those who have everything back, and of nobody else", () => {
    let state = RelayQuota.initial(limits, 0)
    for (let n = 1; n <= 100; n++) state = RelayQuota.take(limits, state, user(n), 256, 0)[0]
    state = RelayQuota.take(limits, state, user(101), 10_000, RelayQuota.sweepMillis - 1)[0]
    assert.strictEqual(HashMap.size(state.users), 101)
    const [swept, verdict] = RelayQuota.take(limits, state, user(101), 10_000, RelayQuota.sweepMillis)
    assert.deepStrictEqual([HashMap.size(swept.users), verdict], [1, "UserOver"])
  })
})
