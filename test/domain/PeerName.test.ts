import { assert, describe, it } from "@effect/vitest"
import * as PeerName from "../../src/domain/PeerName.ts"
import * as arbitraries from "./arbitraries.ts"

const remote = { address: "192.0.2.7", port: 55_000 }

describe("the name that somebody says", () => {
  it.each([
    ["bob", "bob"],
    [" two words ", "two words"],
    ["\u001b[2Jeve\u202e", "[2Jeve"],
    ["N".repeat(40_000), "N".repeat(32)],
    ["\u{1f600}".repeat(40), "\u{1f600}".repeat(32)],
  ])("%j is shown as %j", (said, shown) => {
    assert.strictEqual(PeerName.of(said, remote), shown)
  })

  it.each(["", "   ", "\u0000\u0007", "\u200b\u3164\u2800"])(
    "%j, of which nothing can be seen, is its address",
    (said) => {
      assert.strictEqual(PeerName.of(said, remote), "192.0.2.7:55000")
    },
  )

  it.prop(
    "is short, printable and never empty",
    [arbitraries.text],
    ([said]) => {
      const name = PeerName.of(said, remote)
      assert.isAtLeast(name.trim().length, 1)
      assert.isAtMost([...name].length, 32)
      assert.notMatch(name, /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u)
    },
    arbitraries.thorough,
  )
})
