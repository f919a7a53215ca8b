import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as CallPayload from "../../../src/domain/call/CallPayload.ts"
import * as PersonId from "../../../src/domain/identity/PersonId.ts"
import type * as Who from "../../../src/domain/nomitm1/Who.ts"
import * as PersonName from "../../../src/domain/PersonName.ts"
import * as arbitraries from "../arbitraries.ts"
import { bytesOf } from "../crypto/primitives.ts"
import { exactly } from "./bytes.ts"

const name = Arbitrary.filterMap(
  arbitraries.oneOf<string>(
    Arbitrary.map(arbitraries.username, PersonName.fold),
    arbitraries.pick("alice", "bob", "\u{10428}".repeat(32)),
  ),
  (name) => (PersonName.isPersonName(name) ? Result.succeed(name) : Result.fail(name)),
)
const who: Arbitrary.Arbitrary<Who.Who> = arbitraries.oneOf<Who.Who>(
  Arbitrary.map(name, (name) => ({ _tag: "Name", name })),
  Arbitrary.map(exactly(32), (bytes) => ({ _tag: "Id", id: PersonId.ofBytes(bytes) })),
)
/** What is long is the same each time: it is copied, not looked at. */
const m1: Arbitrary.Arbitrary<CallPayload.M1> = arbitraries.mapAll(
  [name, who, exactly(16), arbitraries.pick("plain", "invited", "resumes")],
  ([name, dialled, id, reason]) => ({
    certificate: bytesOf("certificate", 144),
    kemPublicKey: bytesOf("public key", 1184),
    inviteId: reason === "invited" ? id : undefined,
    resumes: reason === "resumes" ? id : undefined,
    name,
    dialled,
  }),
)
const m2: Arbitrary.Arbitrary<CallPayload.M2> = Arbitrary.all({
  certificate: Arbitrary.Constant(bytesOf("certificate", 144)),
  kemCiphertext: Arbitrary.Constant(bytesOf("ciphertext", 1088)),
  name,
})
const runs = { arbitrary: { runs: 200 } }

describe("what M1 and M2 say", () => {
  it.effect.prop(
    "is read as it was written, and has one length",
    [m1, m2],
    ([one, two]) =>
      Effect.sync(() => {
        assert.strictEqual(CallPayload.encodeM1(one).length, 1704)
        assert.strictEqual(CallPayload.encodeM2(two).length, 1432)
        assert.deepStrictEqual(CallPayload.decodeM1(CallPayload.encodeM1(one)), one)
        assert.deepStrictEqual(CallPayload.decodeM2(CallPayload.encodeM2(two)), two)
      }),
    runs,
  )

  it.effect.prop(
    "is written in one way: what is read is the same when written again, whichever byte was changed",
    [m1, m2, arbitraries.integer(1328, 1703), arbitraries.integer(1232, 1431), arbitraries.integer(0, 255)],
    ([one, two, at1, at2, byte]) =>
      Effect.sync(() => {
        const changed1 = CallPayload.encodeM1(one).with(at1, byte)
        const read1 = CallPayload.decodeM1(changed1)
        if (read1 !== undefined) assert.deepStrictEqual(CallPayload.encodeM1(read1), changed1)
        const changed2 = CallPayload.encodeM2(two).with(at2, byte)
        const read2 = CallPayload.decodeM2(changed2)
        if (read2 !== undefined) assert.deepStrictEqual(CallPayload.encodeM2(read2), changed2)
      }),
    runs,
  )

  it("is refused with another version, another flag, an id without an invitation, bytes after the end", () => {
    const payload = CallPayload.encodeM1({
      certificate: bytesOf("certificate", 144),
      kemPublicKey: bytesOf("public key", 1184),
      inviteId: undefined,
      name: "alice" as PersonName.PersonName,
      dialled: { _tag: "Name", name: "bob" as PersonName.PersonName },
    })
    assert.isDefined(CallPayload.decodeM1(payload))
    for (const [at, byte] of [
      [0, 0],
      [0, 2],
      [1329, 3],
      [1329, 255],
      [1330, 1],
      [1703, 1],
    ] as const) {
      assert.isUndefined(CallPayload.decodeM1(payload.with(at, byte)), `${at}`)
    }
    assert.isUndefined(CallPayload.decodeM1(payload.subarray(1)))
    assert.isUndefined(CallPayload.decodeM1(new Uint8Array(1705)))
  })

  it("is refused with a name that reaches beyond the end, is no UTF-8 or no name", () => {
    const payload = CallPayload.encodeM2({
      certificate: bytesOf("certificate", 144),
      kemCiphertext: bytesOf("ciphertext", 1088),
      name: "alice" as PersonName.PersonName,
    })
    const nameAt = 1 + 144 + 1088 + 1
    assert.isDefined(CallPayload.decodeM2(payload))
    for (const byte of [0xff, 0xc3, 0x41, 0x20, 0x1b, 0]) {
      assert.isUndefined(CallPayload.decodeM2(payload.with(nameAt, byte)), `${byte}`)
    }
    for (const length of [0, 4, 6, 255]) assert.isUndefined(CallPayload.decodeM2(payload.with(nameAt - 1, length)))
  })
})
