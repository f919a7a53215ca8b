import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as PassQuota from "../../../src/domain/nomitm1/PassQuota.ts"
import { integer } from "../arbitraries.ts"

/** So many bytes, so many milliseconds after the one before. */
const attempts = Arbitrary.array(Arbitrary.all([integer(1, 2250), integer(0, 20_000)]), { maxLength: 300 })

describe("what one side may hand to the other", () => {
  it.prop(
    "is never more than all at once and what has come back since, however it is tried",
    [attempts],
    ([attempts]) => {
      let now = 5
      let quota = PassQuota.initial(now)
      let [messages, bytes] = [0, 0]
      for (const [length, millis] of attempts) {
        now += millis
        const next = PassQuota.take(quota, length, now)
        if (next === undefined) continue
        quota = next
        messages++
        bytes += length
        const seconds = (now - 5) / 1000
        assert.isAtMost(messages, 64 + seconds / 10 + 1e-6)
        assert.isAtMost(bytes, 65_536 + (seconds * 1024) / 10 + 1e-3)
      }
    },
    { arbitrary: { runs: 200, size: 300 } },
  )

  it("does not pile up beyond what is there at first", () => {
    let quota = PassQuota.initial(0)
    let taken = 0
    for (;;) {
      const next = PassQuota.take(quota, 100, 1e9)
      if (next === undefined) break
      quota = next
      taken++
    }
    assert.strictEqual(taken, 64)
  })

  it("is not used up by what is refused", () => {
    const quota = PassQuota.initial(0)
    assert.isUndefined(PassQuota.take(quota, 65_537, 0))
    assert.isDefined(PassQuota.take(quota, 65_536, 0))
  })
})
