import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as CandidateMessage from "../../../src/domain/reach/CandidateMessage.ts"
import { integer, thorough } from "../arbitraries.ts"
import { message } from "./arbitraries.ts"

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ""), "hex"))
const bytes = Arbitrary.map(Arbitrary.array(integer(0, 255), { maxLength: 60 }), (all) => Uint8Array.from(all))

/** A header with so many candidates, and what follows. */
const body = (mapping: string, count: string, rest = ""): Uint8Array => hex(`01 0001 ${mapping} ${count} ${rest}`)

describe("a message of candidates", () => {
  it.prop(
    "reads as it was written",
    [message],
    ([message]) => assert.deepStrictEqual(CandidateMessage.decode(CandidateMessage.encode(message)), message),
    thorough,
  )

  it("has these bytes", () => {
    const encoded = CandidateMessage.encode({
      generation: 258,
      mapping: { _tag: "Block", low: 4096, high: 5119 },
      candidates: [
        { kind: "reflexive", endpoint: { address: "203.0.113.21", port: 40_001 } },
        { kind: "host", endpoint: { address: "2001:db8::1", port: 1 } },
      ],
    })
    assert.deepStrictEqual(
      encoded,
      hex("01 0102 05 1000 13ff 02  02 04 cb007115 9c41  01 06 20010db8000000000000000000000001 0001"),
    )
  })

  it("leaves out candidates that can be no host's, of an unknown kind, or link-local ones", () => {
    const bad = [
      "01 04 e0000001 0001",
      "01 04 00000000 0001",
      "01 04 ffffffff 0001",
      "01 04 a9fe0101 0001",
      "01 04 cb007115 0000",
      "09 04 cb007115 0001",
      "01 06 fe800000000000000000000000000001 0001",
      "01 06 ff020000000000000000000000000001 0001",
      "01 06 00000000000000000000ffffcb007115 0001",
    ]
    const good = "02 04 cb007115 0001"
    const decoded = CandidateMessage.decode(body("02 0000 0000", "0a", bad.join("") + good))
    assert.deepStrictEqual(decoded?.candidates, [{ kind: "reflexive", endpoint: { address: "203.0.113.21", port: 1 } }])
  })

  it("is none if its lengths are wrong, it has more than 16, another version or family", () => {
    const one = "02 04 cb007115 0001"
    assert.isDefined(CandidateMessage.decode(body("02 0000 0000", "01", one)))
    for (const wrong of [
      body("02 0000 0000", "02", one),
      body("02 0000 0000", "00", one),
      body("02 0000 0000", "01", `${one} 00`),
      body("02 0000 0000", "01", one).subarray(0, -1),
      body("02 0000 0000", "01", "02 05 cb007115 0001"),
      body("02 0000 0000", "11", one.repeat(17)),
      hex("02 0001 02 0000 0000 00"),
      hex("01 0001 02 0000 00"),
    ]) {
      assert.isUndefined(CandidateMessage.decode(wrong))
    }
  })

  it("says of a mapping that is unknown here that it is not known, and of a block without ports that it is random", () => {
    assert.deepStrictEqual(CandidateMessage.decode(body("ff 0000 0000", "00"))?.mapping, { _tag: "Unknown" })
    assert.deepStrictEqual(CandidateMessage.decode(body("05 0005 0004", "00"))?.mapping, { _tag: "Random" })
  })

  it.prop("never throws, whatever the bytes are", [bytes], ([bytes]) => void CandidateMessage.decode(bytes), thorough)

  it.prop(
    "with any byte changed is still none, or one of at most 16 candidates",
    [message, integer(0, 300), integer(1, 255)],
    ([message, at, change]) => {
      const encoded = CandidateMessage.encode(message)
      encoded[at % encoded.length]! ^= change
      assert.isAtMost(CandidateMessage.decode(encoded)?.candidates.length ?? 0, 16)
    },
    thorough,
  )
})

describe("generations", () => {
  it("are counted round", () => {
    assert.isTrue(CandidateMessage.isNewer(2, 1))
    assert.isFalse(CandidateMessage.isNewer(1, 1))
    assert.isFalse(CandidateMessage.isNewer(1, 2))
    assert.isTrue(CandidateMessage.isNewer(0, 65_535))
    assert.strictEqual(CandidateMessage.nextGeneration(65_535), 0)
  })
})
