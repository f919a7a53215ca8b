import { assert, describe, it } from "@effect/vitest"
import * as Base64Field from "../../../src/domain/nomitm1/Base64Field.ts"
import * as ClientLine from "../../../src/domain/nomitm1/ClientLine.ts"
import * as RelayLine from "../../../src/domain/nomitm1/RelayLine.ts"
import * as ServerLine from "../../../src/domain/nomitm1/ServerLine.ts"
import * as arbitraries from "../arbitraries.ts"
import { bytesOf } from "../crypto/primitives.ts"

const callId = bytesOf("call", 16)
const call = Base64Field.encode(callId)
const calls = new Map([[call, "ours"]])
const line = (record: Uint8Array, of = call) => RelayLine.encode(of, record).trimEnd()

describe("a record's line", () => {
  it("is the same as the codecs' of all lines, in both directions", () => {
    for (const length of [1, 2, 96, 1231, 1232]) {
      const record = bytesOf(`record ${length}`, length)
      assert.strictEqual(RelayLine.encode(call, record), ServerLine.encode({ _tag: "Relay", callId, record }))
      assert.strictEqual(line(record), ClientLine.encode({ _tag: "Relay", callId, record }))
      assert.deepStrictEqual(RelayLine.decode(line(record), calls), ["ours", record])
    }
  })

  it("is read with words of later versions after it, and is nothing for a call that is none of ours", () => {
    const record = bytesOf("record", 40)
    assert.deepStrictEqual(RelayLine.decode(`${line(record)} and more`, calls), ["ours", record])
    assert.isUndefined(RelayLine.decode(line(record, Base64Field.encode(bytesOf("other", 16))), calls))
  })

  it("is nothing without a record, with one that is too long, or written in another form", () => {
    const record = bytesOf("record", 40)
    for (const wrong of [
      "RELAY",
      "RELAY ",
      `RELAY ${call}`,
      `RELAY ${call} `,
      `RELAY ${call}  ${Base64Field.encode(record)}`,
      `RELAY  ${call} ${Base64Field.encode(record)}`,
      `RELAY ${call}${Base64Field.encode(record)}`,
      `RELAY ${call} ${Base64Field.encode(record)}=`,
      line(bytesOf("too long", 1233)),
    ]) {
      assert.isUndefined(RelayLine.decode(wrong, calls), wrong)
    }
  })

  it.prop(
    "is read as all lines are, whatever it says",
    [arbitraries.text, arbitraries.integer(0, 3)],
    ([text, kind]) => {
      const said = [`RELAY ${text}`, `RELAY ${call} ${text}`, `RELAY ${call}${text}`, `RELAY ${call} AAAA${text}`][
        kind
      ]!
      if (!RelayLine.isRelay(said) || /[\r\n]/.test(said)) return
      const decoded = ServerLine.decode(said)
      const message = decoded._tag === "Success" && decoded.success._tag === "Relay" ? decoded.success : undefined
      const expected =
        message !== undefined && Base64Field.encode(message.callId) === call
          ? (["ours", message.record] as const)
          : undefined
      assert.deepStrictEqual(RelayLine.decode(said, calls), expected)
    },
    arbitraries.thorough,
  )
})
