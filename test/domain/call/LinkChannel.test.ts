import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as LinkChannel from "../../../src/domain/call/LinkChannel.ts"
import * as arbitraries from "../arbitraries.ts"
import { bytesOf, primitives } from "../crypto/primitives.ts"
import { handshake } from "./handshakes.ts"

const { alices, bobs } = handshake()
const ends = () => ({ a: LinkChannel.make(alices), b: LinkChannel.make(bobs) })
const seal = (channel: LinkChannel.LinkChannel, message: LinkChannel.LinkMessage) =>
  LinkChannel.seal(primitives, channel, message)!
const open = (channel: LinkChannel.LinkChannel, data: Uint8Array) => LinkChannel.open(primitives, channel, data)

describe("sealed messages through the server", () => {
  it.effect.prop(
    "are opened by the other side, with what they say",
    [
      arbitraries.integer(0, 255),
      Arbitrary.map(arbitraries.integer(0, LinkChannel.maxBodyBytes), (n) => bytesOf("body", n)),
    ],
    ([type, body]) =>
      Effect.sync(() => {
        const { a, b } = ends()
        const { data } = seal(a, { type, body })
        assert.strictEqual(data.length % 64, 16)
        assert.deepStrictEqual(open(b, data)?.message, { type, body })
      }),
    { arbitrary: { runs: 200 } },
  )

  it("do not tell M3 and M4 apart by their length", () => {
    const { a, b } = ends()
    assert.strictEqual(seal(a, LinkChannel.confirm).data.length, 80)
    assert.strictEqual(seal(b, LinkChannel.accept).data.length, 80)
  })

  it("are read once and in order", () => {
    const { a, b } = ends()
    const first = seal(a, { type: 3, body: bytesOf("1", 10) })
    const second = seal(first.channel, { type: 3, body: bytesOf("2", 10) })
    assert.isUndefined(open(b, second.data))
    const opened = open(b, first.data)!
    assert.isUndefined(open(opened.channel, first.data))
    assert.deepStrictEqual(open(opened.channel, second.data)?.message.body, bytesOf("2", 10))
  })

  it("are not opened by who sent them, or under another call's id", () => {
    const { a, b } = ends()
    const { data } = seal(a, LinkChannel.confirm)
    assert.isUndefined(open(a, data))
    assert.isUndefined(open({ ...b, callId: bytesOf("another", 16) }, data))
  })

  it("are bounded: a body that does not fit into PASS is not sent, one that is longer not looked at", () => {
    const { a, b } = ends()
    const longest = { type: 3, body: new Uint8Array(LinkChannel.maxBodyBytes) }
    assert.isAtMost(seal(a, longest).data.length, 2250)
    assert.isUndefined(LinkChannel.seal(primitives, a, { type: 3, body: new Uint8Array(LinkChannel.maxBodyBytes + 1) }))
    assert.isUndefined(open(b, new Uint8Array(1_000_000)))
  })

  it("with more zeros than they need, or anything but zeros, are refused", () => {
    const { a, b } = ends()
    const plain = (bytes: ReadonlyArray<number>, length: number) => {
      const plaintext = new Uint8Array(length)
      plaintext.set(bytes)
      return primitives.chacha20Poly1305.seal(alices.link.send, new Uint8Array(12), a.callId, plaintext)
    }
    assert.isDefined(open(b, plain([1, 0, 0], 64)))
    assert.isUndefined(open(b, plain([1, 0, 0], 128)))
    assert.isUndefined(open(b, plain([1, 0, 0, 1], 64)))
    assert.isUndefined(open(b, plain([1, 0, 62], 64)))
    assert.isUndefined(open(b, plain([1, 0, 0], 63)))
    assert.isUndefined(open(b, plain([], 0)))
  })
})
