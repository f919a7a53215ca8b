import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Frame from "../../../src/domain/record/Frame.ts"
import * as RecordHeader from "../../../src/domain/record/RecordHeader.ts"
import * as RecordLayer from "../../../src/domain/record/RecordLayer.ts"
import * as arbitraries from "../arbitraries.ts"
import { bytesOf, primitives } from "../crypto/primitives.ts"
import { epochs, frame } from "./arbitraries.ts"

const pair = (label = "root") => {
  const [initiator, responder] = epochs(label)
  return [RecordLayer.make(primitives, initiator), RecordLayer.make(primitives, responder)] as const
}

const text = (length: number): Frame.Frame => ({
  _tag: "Data",
  offset: 0,
  bytes: bytesOf("text", length),
})

const opened = (result: RecordLayer.Opened | RecordLayer.Dropped): RecordLayer.Opened => {
  assert.isObject(result)
  return result as RecordLayer.Opened
}

const sealed = (layer: RecordLayer.RecordLayer, ...frames: ReadonlyArray<Frame.Frame>): Uint8Array => {
  const datagram = RecordLayer.seal(layer, frames)
  assert.isDefined(datagram)
  return datagram!
}

describe("a record", () => {
  it.prop(
    "brings the frames that were put in, both ways",
    [Arbitrary.array(frame, { maxLength: 5 })],
    ([frames]) => {
      const fitting = frames.filter(
        (_, i) => frames.slice(0, i + 1).reduce((sum, it) => sum + Frame.length(it), 0) <= 1200,
      )
      for (const [from, to] of [pair(), pair().toReversed()] as const) {
        assert.deepStrictEqual(opened(RecordLayer.open(to!, sealed(from!, ...fitting))).frames, fitting)
      }
    },
    { arbitrary: { runs: 100, size: 40 } },
  )

  it("shows nothing but its length, which is the same for what is about as long", () => {
    const [a] = pair()
    assert.deepStrictEqual(
      [0, 1, 55, 56, 1143, 1144, 1191].map((length) => sealed(a, text(length)).length),
      [96, 96, 96, 160, 1184, 1232, 1232],
    )
  })

  it("with more than 1,200 bytes of frames is not made, and takes no counter", () => {
    const [a] = pair()
    assert.isUndefined(RecordLayer.seal(a, [text(1191), Frame.probe]))
    assert.isUndefined(RecordLayer.seal(a, [text(1192)]))
    assert.strictEqual(RecordHeader.counter(sealed(a, Frame.probe)), 0)
  })

  it("has zeros behind its frames, not what was sent before", () => {
    const [a, b] = pair()
    sealed(a, text(1191))
    const datagram = sealed(a, Frame.probe)
    const plaintext = b.slots.current.opening.open(1, datagram.subarray(0, 16), datagram.subarray(16))!
    assert.deepStrictEqual(
      plaintext,
      Uint8Array.from({ length: 64 }, (_, i) => (i === 0 ? 1 : 0)),
    )
  })

  it("does not change when later ones are made or opened", () => {
    const [a, b] = pair()
    const first = sealed(a, text(50))
    const copy = first.slice()
    const frames = opened(RecordLayer.open(b, first)).frames
    for (let i = 0; i < 400; i++) opened(RecordLayer.open(b, sealed(a, text(60))))
    assert.deepStrictEqual(first, copy)
    assert.deepStrictEqual(frames, [text(50)])
  })

  it("is dropped with any bit changed, cut, or made longer, and opens as it was afterwards", () => {
    const [a, b] = pair()
    const datagram = sealed(a, text(40))
    for (let bit = 0; bit < datagram.length * 8; bit++) {
      const changed = datagram.slice()
      changed[bit >> 3]! ^= 1 << (bit & 7)
      assert.isString(RecordLayer.open(b, changed), `bit ${bit}`)
    }
    for (let length = 0; length < datagram.length; length++) {
      assert.isString(RecordLayer.open(b, datagram.subarray(0, length)))
    }
    for (const longer of [97, 160, 1232, 65_507]) {
      const datagramAndMore = new Uint8Array(longer)
      datagramAndMore.set(datagram)
      assert.isString(RecordLayer.open(b, datagramAndMore))
    }
    assert.deepStrictEqual(opened(RecordLayer.open(b, datagram)).frames, [text(40)])
  })

  it.prop(
    "is not any other bytes",
    [arbitraries.bytes],
    ([bytes]) => {
      const [, b] = pair()
      assert.isString(RecordLayer.open(b, bytes))
      const looksRight = new Uint8Array(96)
      looksRight.set(bytes.subarray(0, 80), 16)
      RecordHeader.write(looksRight, 0, b.slots.current.epoch.index.receive, 3)
      assert.strictEqual(RecordLayer.open(b, looksRight), "Forged")
    },
    { arbitrary: { runs: 300, size: 40 } },
  )
})

describe("the newest record", () => {
  it("is one with a higher counter than all before", () => {
    const [a, b] = pair()
    const [first, second, third] = [sealed(a, Frame.probe), sealed(a, Frame.probe), sealed(a, Frame.probe)]
    assert.isTrue(opened(RecordLayer.open(b, second)).isNewest)
    assert.isFalse(opened(RecordLayer.open(b, first)).isNewest)
    assert.isTrue(opened(RecordLayer.open(b, third)).isNewest)
  })
})

describe("the key slots", () => {
  it("of a responder read the next epoch and send in the current one, until the first record of the next opens", () => {
    const [a, b] = pair()
    const [newA, newB] = epochs("new", 1)
    RecordLayer.prepare(b, newB)
    assert.strictEqual(RecordHeader.epoch(sealed(b, Frame.probe)), 0)
    assert.isFalse(opened(RecordLayer.open(b, sealed(a, Frame.probe))).advanced)
    const late = sealed(a, Frame.probe)
    RecordLayer.adopt(a, newA)
    const first = opened(RecordLayer.open(b, sealed(a, Frame.probe)))
    assert.isTrue(first.advanced && first.isCurrent)
    assert.strictEqual(RecordHeader.epoch(sealed(b, Frame.probe)), 1)
    const previous = opened(RecordLayer.open(b, late))
    assert.isFalse(previous.isCurrent || previous.isNewest || previous.advanced)
  })

  it("of both sides read the previous epoch until it is forgotten, and never the one before", () => {
    const [a, b] = pair()
    const [newA, newB] = epochs("new", 1)
    const [newestA, newestB] = epochs("newest", 2)
    const [first, second] = [sealed(b, Frame.probe), sealed(b, Frame.probe)]
    RecordLayer.adopt(a, newA)
    opened(RecordLayer.open(a, first))
    RecordLayer.forgetPrevious(a)
    assert.strictEqual(RecordLayer.open(a, second), "UnknownIndex")
    RecordLayer.adopt(b, newB)
    const third = sealed(b, Frame.probe)
    RecordLayer.adopt(a, newestA)
    opened(RecordLayer.open(a, third))
    assert.strictEqual(RecordLayer.open(a, second), "UnknownIndex")
    RecordLayer.adopt(b, newestB)
    opened(RecordLayer.open(a, sealed(b, Frame.probe)))
  })

  it("tell epochs apart whose numbers are the same modulo 256", () => {
    const [a] = epochs("zero", 0)
    const [, b] = epochs("other", 256)
    const datagram = sealed(RecordLayer.make(primitives, a), Frame.probe)
    assert.strictEqual(RecordLayer.open(RecordLayer.make(primitives, b), datagram), "UnknownIndex")
  })
})
