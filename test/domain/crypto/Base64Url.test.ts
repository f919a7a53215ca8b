import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Library from "effect/encoding/Base64Url"
import * as Base64Url from "../../../src/domain/crypto/Base64Url.ts"
import * as arbitraries from "../arbitraries.ts"

const bytes = Arbitrary.map(
  Arbitrary.schema(Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })))),
  (values) => Uint8Array.from(values),
)

/** By a library of good standing; only its own form is read. */
const library = (text: string): Uint8Array | undefined => {
  const decoded = Library.decode(text)
  return Result.isSuccess(decoded) && Library.encode(decoded.success) === text ? decoded.success : undefined
}

describe("base64url", () => {
  it("is that of RFC 4648, section 10, without padding", () => {
    const vectors = { "": "", f: "Zg", fo: "Zm8", foo: "Zm9v", foob: "Zm9vYg", fooba: "Zm9vYmE", foobar: "Zm9vYmFy" }
    for (const [plain, text] of Object.entries(vectors)) {
      assert.strictEqual(Base64Url.encode(new TextEncoder().encode(plain)), text)
      assert.deepStrictEqual(Base64Url.decode(text), new TextEncoder().encode(plain))
    }
    assert.strictEqual(Base64Url.encode(Uint8Array.of(0xfb, 0xff)), "-_8")
  })

  it.effect.prop(
    "is what a library writes and reads, for any bytes",
    [bytes],
    ([value]) =>
      Effect.sync(() => {
        const text = Base64Url.encode(value)
        assert.strictEqual(text, Library.encode(value))
        assert.deepStrictEqual(Base64Url.decode(text), value)
      }),
    { arbitrary: { runs: 300, size: 100 } },
  )

  it.effect.prop(
    "is read in its one form alone, whatever character stands where",
    [bytes, arbitraries.integer(0, 400), arbitraries.text],
    ([value, at, odd]) =>
      Effect.sync(() => {
        const text = Base64Url.encode(value)
        const changed = text.slice(0, at % (text.length + 1)) + odd + text.slice((at % (text.length + 1)) + 1)
        assert.deepStrictEqual(Base64Url.decode(changed), library(changed))
      }),
    { arbitrary: { runs: 500, size: 100 } },
  )

  it("is refused with every other last character, with padding, and with every other character of a byte", () => {
    for (let code = 0; code < 0x1_00; code++) {
      for (const text of ["Zg", "Zm8", "Zm9v"]) {
        const changed = text.slice(0, -1) + String.fromCharCode(code)
        assert.deepStrictEqual(Base64Url.decode(changed), library(changed), changed)
      }
    }
    for (const text of ["A", "AAAAA", "Zg==", "Zm8=", "Zm9v\n", " Zm9v", "Zm\u0139v", "Zm9+", "Zm9/"]) {
      assert.isUndefined(Base64Url.decode(text), text)
    }
  })
})
