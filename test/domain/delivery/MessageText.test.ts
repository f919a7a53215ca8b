import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Message from "../../../src/domain/delivery/Message.ts"
import * as MessageText from "../../../src/domain/delivery/MessageText.ts"
import * as arbitraries from "../arbitraries.ts"

describe("the body of a text", () => {
  it.effect.prop(
    "is its UTF-8, and read again the same text",
    [Arbitrary.array(arbitraries.integer(0, 0xffff), { maxLength: 40 })],
    ([units]) =>
      Effect.sync(() => {
        const text = String.fromCharCode(...units)
        const body = MessageText.encode(text)!
        assert.deepStrictEqual(body.slice(), new TextEncoder().encode(text))
        assert.strictEqual(MessageText.decode(body), text.toWellFormed())
      }),
    { arbitrary: { runs: 200 } },
  )

  it("begins with what is said, be it a mark of the order of bytes", () => {
    assert.strictEqual(MessageText.decode(MessageText.encode("\u{feff}a")!), "\u{feff}a")
  })

  it("has at most 65,536 bytes; how long any would be is known", () => {
    for (const [longest, tooLong, bytes] of [
      ["x".repeat(65_536), "x".repeat(65_537), 65_537],
      [`${"€".repeat(21_845)}x`, "€".repeat(21_846), 65_538],
      ["🙂".repeat(16_384), `${"🙂".repeat(16_384)}x`, 65_537],
    ] as const) {
      assert.lengthOf(MessageText.encode(longest)!, Message.maxBodyBytes)
      assert.strictEqual(MessageText.encode(tooLong), undefined)
      assert.strictEqual(MessageText.length(tooLong), bytes)
    }
  })
})
