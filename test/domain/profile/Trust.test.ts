import { assert, describe, it } from "@effect/vitest"
import * as Trust from "../../../src/domain/profile/Trust.ts"
import * as All from "../arbitraries.ts"
import { trust } from "./arbitraries.ts"

const rising = ["Accepted", "Invited", "Confirmed"] as const

describe("trust", () => {
  it("has four states in one order", () => {
    assert.deepEqual([...Trust.Trust.literals].toSorted(Trust.compare), [
      "unknown",
      "introduced",
      "invited",
      "verified",
    ])
    assert.isTrue(Trust.isAtLeast("invited", "introduced") && Trust.isAtLeast("invited", "invited"))
    assert.isFalse(Trust.isAtLeast("introduced", "invited"))
    assert.deepEqual([Trust.higher("invited", "verified"), Trust.lower("invited", "verified")], ["verified", "invited"])
  })

  it.each([
    ["unknown", "Accepted", "introduced"],
    ["unknown", "Invited", "invited"],
    ["introduced", "Accepted", "introduced"],
    ["introduced", "Invited", "invited"],
    ["invited", "Accepted", "invited"],
    ["invited", "Confirmed", "verified"],
    ["unknown", "Confirmed", "verified"],
    ["verified", "Accepted", "verified"],
    ["verified", "Invited", "verified"],
    ["verified", "Denied", "unknown"],
    ["invited", "Denied", "unknown"],
  ] as const)("%s, and %s: %s", (before, event, after) => assert.strictEqual(Trust.after(before, event), after))

  it.prop(
    "never falls by what happens, only by a person's no",
    [trust, All.pick(...rising)],
    ([before, event]) => assert.isTrue(Trust.isAtLeast(Trust.after(before, event), before)),
    { arbitrary: { runs: 300, size: 60 } },
  )
})
