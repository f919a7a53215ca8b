import { assert, describe, it } from "@effect/vitest"
import * as Hkdf from "../../../src/domain/crypto/Hkdf.ts"
import * as hex from "./hex.ts"
import { bytesOf, primitives } from "./primitives.ts"

const range = (from: number, to: number): Uint8Array => Uint8Array.from({ length: to - from }, (_, i) => from + i)
const none = new Uint8Array(0)

describe("HKDF", () => {
  it("gives what RFC 5869 says (appendix A.1 to A.3)", () => {
    assert.strictEqual(
      hex.text(
        Hkdf.derive(primitives, {
          salt: range(0, 13),
          ikm: new Uint8Array(22).fill(0x0b),
          info: range(0xf0, 0xfa),
          length: 42,
        }),
      ),
      "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    )
    assert.strictEqual(
      hex.text(
        Hkdf.derive(primitives, { salt: range(0x60, 0xb0), ikm: range(0, 0x50), info: range(0xb0, 0x100), length: 82 }),
      ),
      "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09" +
        "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
    )
    assert.strictEqual(
      hex.text(Hkdf.derive(primitives, { salt: none, ikm: new Uint8Array(22).fill(0x0b), info: "", length: 42 })),
      "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    )
  })

  it("another label gives other bytes, and a shorter length the beginning of the same", () => {
    const of = (info: string, length: number): string | undefined =>
      hex.text(Hkdf.derive(primitives, { salt: none, ikm: bytesOf("secret", 32), info, length }))
    assert.notStrictEqual(of("one", 32), of("two", 32))
    assert.strictEqual(of("one", 100)?.slice(0, 64), of("one", 32))
    assert.strictEqual(of("one", 0), "")
  })

  it("gives at most 8,160 bytes, the last block counted 255", () => {
    const all = Hkdf.derive(primitives, { salt: none, ikm: none, info: "", length: 8160 })
    assert.throws(() => Hkdf.derive(primitives, { salt: none, ikm: none, info: "", length: 8161 }), RangeError)
    const prk = Hkdf.extract(primitives, none, none)
    const last = primitives.hmacSha256(prk, Uint8Array.from([...all.subarray(8160 - 64, 8160 - 32), 255]))
    assert.strictEqual(hex.text(all.slice(-32)), hex.text(last))
  })
})
