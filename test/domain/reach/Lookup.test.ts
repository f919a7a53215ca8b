import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Lookup from "../../../src/domain/reach/Lookup.ts"
import { integer } from "../arbitraries.ts"
import { bytesOf, primitives } from "../crypto/primitives.ts"
import { endpoint, toldAddress } from "./arbitraries.ts"

const token = bytesOf("token", Lookup.tokenBytes)
const transaction = bytesOf("transaction", Lookup.transactionBytes)
const keys = Lookup.keys(primitives, bytesOf("key", 32))
const others = Lookup.keys(primitives, bytesOf("another key", 32))
const from = { address: "203.0.113.21", port: 40_001 }

const request = () => Lookup.encodeRequest(primitives, keys, { token, transaction })
const reply = (mapped = from) => Lookup.encodeReply(primitives, keys, transaction, mapped)
const open = (datagram: Uint8Array) => Lookup.openReply(primitives, keys, transaction, datagram)

const changed = (datagram: Uint8Array, at: number, change: number): Uint8Array => {
  const copy = datagram.slice()
  copy[at % copy.length]! ^= change
  return copy
}

const any = Arbitrary.map(Arbitrary.array(integer(0, 255), { maxLength: 80 }), (all) => Uint8Array.from(all))
const change = [integer(0, 63), integer(1, 255)] as const

describe("a lookup", () => {
  it("is asked with 64 bytes and answered with 51, so that nobody is made to shout", () => {
    assert.strictEqual(request().length, Lookup.requestBytes)
    assert.strictEqual(reply().length, Lookup.replyBytes)
    assert.isBelow(Lookup.replyBytes, Lookup.requestBytes)
  })

  it("shows whose it is, and opens with the keys of that token alone", () => {
    assert.deepStrictEqual(Lookup.tokenOf(request()), token)
    assert.deepStrictEqual(Lookup.openRequest(primitives, keys, request()), transaction)
    assert.isUndefined(Lookup.openRequest(primitives, others, request()))
  })

  it.prop("says where it came from", [toldAddress, integer(1, 65_535)], ([address, port]) =>
    assert.deepStrictEqual(open(reply({ address, port })), { address, port }),
  )

  it.prop("is nothing with any byte changed", [...change], ([at, change]) => {
    assert.isUndefined(Lookup.openRequest(primitives, keys, changed(request(), at, change)))
    assert.isUndefined(open(changed(reply(), at, change)))
  })

  it("is not answered by the answer to another one, nor by itself", () => {
    const other = bytesOf("another transaction", Lookup.transactionBytes)
    assert.isUndefined(open(Lookup.encodeReply(primitives, keys, other, from)))
    assert.isUndefined(Lookup.openReply(primitives, others, transaction, reply()))
    assert.isUndefined(open(request()))
    assert.isUndefined(Lookup.tokenOf(reply()))
  })

  it.prop("of what can be nobody's address is none", [endpoint], ([mapped]) => {
    const opened = mapped.address.includes("%") ? undefined : open(reply(mapped))
    if (opened !== undefined) assert.deepStrictEqual(opened, mapped)
  })

  it.prop("is never read from other bytes, and reading never throws", [any], ([bytes]) => {
    assert.isUndefined(Lookup.openRequest(primitives, keys, bytes))
    assert.isUndefined(open(bytes))
    assert.isTrue(Lookup.transactionOf(bytes) === undefined || bytes.length === Lookup.replyBytes)
  })

  it("has these bytes", () => {
    const zeros = (length: number) => new Uint8Array(length)
    const keys = Lookup.keys(primitives, zeros(32))
    const asked = Lookup.encodeRequest(primitives, keys, { token: zeros(16), transaction: zeros(12) })
    assert.strictEqual(Buffer.from(asked.subarray(0, 48)).toString("hex"), `04${"00".repeat(47)}`)
    const answered = Lookup.encodeReply(primitives, keys, zeros(12), from)
    assert.strictEqual(Buffer.from(answered.subarray(0, 16)).toString("hex"), `05${"00".repeat(15)}`)
    const plain = primitives.chacha20Poly1305.open(keys.reply, zeros(12), answered.slice(0, 16), answered.slice(16))
    assert.strictEqual(Buffer.from(plain!).toString("hex"), `04${"00".repeat(12)}cb0071159c41`)
  })
})
