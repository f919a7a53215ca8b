import { assert, describe, it } from "@effect/vitest"
import { skeleton } from "../../../src/domain/profile/Lookalike.ts"
import * as All from "../arbitraries.ts"

describe("two names that look alike", () => {
  it.each([
    ["alex", "аӏех"],
    ["bob", "b0b"],
    ["bob", "bоb"],
    ["alice", "alìce"],
    ["alice", "a1ice"],
    ["alice", "ａｌｉｃｅ"],
    ["mia", "rnia"],
    ["will", "vvi11"],
    ["paul", "pau|"],
    ["anna-lena", "annalena"],
    ["τοp", "top"],
  ])("%s, %s", (one, other) => assert.strictEqual(skeleton(one), skeleton(other)))

  it.each([
    ["alice", "alicia"],
    ["bob", "rob"],
    ["anna", "hanna"],
    ["名", "各"],
    ["иван", "ivan"],
  ])("others do not: %s, %s", (one, other) => assert.notStrictEqual(skeleton(one), skeleton(other)))

  it.prop(
    "and whoever looks like one looks like it looked at twice",
    [All.text],
    ([name]) => assert.strictEqual(skeleton(skeleton(name)), skeleton(skeleton(skeleton(name)))),
    { arbitrary: { runs: 300, size: 60 } },
  )
})
