import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Bytes from "../../../src/domain/crypto/Bytes.ts"
import * as Frame from "../../../src/domain/record/Frame.ts"
import * as RecordHeader from "../../../src/domain/record/RecordHeader.ts"
import * as arbitraries from "../arbitraries.ts"
import { frame } from "./arbitraries.ts"

const writeAll = (frames: ReadonlyArray<Frame.Frame>, padding = 0): Uint8Array => {
  const bytes = new Uint8Array(frames.reduce((sum, frame) => sum + Frame.length(frame), padding))
  let at = 0
  for (const frame of frames) at = Frame.write(frame, bytes, at)
  assert.strictEqual(at, bytes.length - padding)
  return bytes
}

const bytes = (...parts: ReadonlyArray<number>) => Uint8Array.from(parts)

describe("frames", () => {
  it.prop(
    "are read as they were written, whatever zeros follow",
    [Arbitrary.array(frame, { maxLength: 6 }), arbitraries.integer(0, 70)],
    ([frames, padding]) => {
      assert.deepStrictEqual(Frame.readAll(writeAll(frames, padding)), frames)
    },
    { arbitrary: { runs: 400, size: 40 } },
  )

  it.prop(
    "of any bytes are read without a fault, and are such as can be written",
    [arbitraries.bytes],
    ([bytes]) => {
      const frames = Frame.readAll(bytes)
      assert.isAtMost(frames.length, bytes.length / 3)
      assert.deepStrictEqual(Frame.readAll(writeAll(frames)), frames)
    },
    { arbitrary: { runs: 600, size: 60 } },
  )

  it("have the bytes that the protocol says", () => {
    const part: Frame.Frame = { _tag: "Rekey1", epoch: 0x01020304, part: 1, parts: 2, bytes: bytes(0x68, 0x69) }
    assert.deepStrictEqual(writeAll([Frame.probe, part]), bytes(1, 0, 0, 7, 0, 8, 1, 2, 3, 4, 1, 2, 0x68, 0x69))
    assert.deepStrictEqual(writeAll([{ _tag: "SasAbort", run: 7 }, Frame.sasRequest]), bytes(12, 0, 1, 7, 13, 0, 0))
  })

  it("of delivery have the bytes that the protocol says", () => {
    const data: Frame.Frame = { _tag: "Data", offset: 0x010203040506, bytes: bytes(7, 8) }
    assert.deepStrictEqual(writeAll([data]), bytes(14, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8))
    const ack: Frame.Frame = {
      _tag: "Ack",
      consumed: 1,
      limit: 2 ** 40 + 2,
      delay: 0x0304,
      epoch: 0x05060708,
      ranges: [{ first: 2 ** 32, last: 2 ** 48 - 1 }],
    }
    assert.deepStrictEqual(
      writeAll([ack]),
      Bytes.concat(
        bytes(15, 0, 31, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 2, 3, 4, 5, 6, 7, 8, 1),
        bytes(0, 1, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255),
      ),
    )
    assert.strictEqual(Frame.ackLength(1), Frame.length(ack))
  })

  it("of an unknown type are skipped, and those behind them read", () => {
    const unknown = bytes(200, 0, 2, 9, 9)
    assert.deepStrictEqual(Frame.readAll(Bytes.concat(unknown, writeAll([Frame.close]))), [Frame.close])
  })

  it("with a body that is none of their type are left out", () => {
    for (const wrong of [
      bytes(1, 0, 1, 0),
      // Part 2 of 2, counted from 0; no parts at all; three parts.
      bytes(7, 0, 5, 0, 0, 0, 0, 0),
      bytes(7, 0, 6, 0, 0, 0, 1, 2, 2),
      bytes(7, 0, 6, 0, 0, 0, 1, 0, 0),
      bytes(7, 0, 6, 0, 0, 0, 1, 0, 3),
      bytes(5, 0, 7, 1, 2, 3, 4, 5, 6, 7),
      bytes(12, 0, 2, 1, 1),
      // A piece of nothing; an acknowledgement that is cut, one of a range that is not there, one of 33 ranges.
      bytes(14, 0, 6, 0, 0, 0, 0, 0, 0),
      bytes(15, 0, 18, ...new Uint8Array(18)),
      bytes(15, 0, 19, ...new Uint8Array(18), 1),
      bytes(15, 1, 159, ...new Uint8Array(18), 33, ...new Uint8Array(396)),
    ]) {
      assert.deepStrictEqual(Frame.readAll(Bytes.concat(wrong, writeAll([Frame.close]))), [Frame.close], `${wrong}`)
    }
  })

  it("of a rekey carry at most 1,100 bytes", () => {
    const part = (length: number): Frame.Frame => ({
      _tag: "Rekey1",
      epoch: 1,
      part: 0,
      parts: 2,
      bytes: new Uint8Array(length),
    })
    assert.lengthOf(Frame.readAll(writeAll([part(1100)])), 1)
    assert.lengthOf(Frame.readAll(writeAll([part(1101)])), 0)
  })

  it("that go beyond the record are no frames, and nothing behind their start is", () => {
    const cut = writeAll([Frame.probe, { _tag: "PathChallenge", data: new Uint8Array(8) }]).subarray(0, 13)
    assert.deepStrictEqual(Frame.readAll(cut), [Frame.probe])
  })
})

describe("a record's length", () => {
  it("is padded to a multiple of 64, and to 1,200 at most", () => {
    for (const [length, padded] of [
      [0, 64],
      [1, 64],
      [64, 64],
      [65, 128],
      [1152, 1152],
      [1153, 1200],
      [1200, 1200],
    ] as const) {
      assert.strictEqual(RecordHeader.padded(length), padded)
    }
  })

  it("is one of nineteen; anything else is no record", () => {
    const lengths = Array.from({ length: 1500 }, (_, i) => i).filter((length) => {
      const datagram = new Uint8Array(length)
      datagram[0] = 1
      return RecordHeader.isRecord(datagram)
    })
    assert.deepStrictEqual(lengths, [...Array.from({ length: 18 }, (_, i) => 32 + 64 * (i + 1)), 1232])
  })

  it.prop(
    "goes with a header that is read as it was written",
    [
      arbitraries.integer(0, 2 ** 32 - 1),
      arbitraries.integer(0, 2 ** 32 - 1),
      arbitraries.oneOf(arbitraries.integer(0, 2 ** 48 - 1), arbitraries.pick(2 ** 32 - 1, 2 ** 32, 2 ** 48 - 1)),
    ],
    ([epoch, index, counter]) => {
      const datagram = new Uint8Array(96)
      RecordHeader.write(datagram, epoch, index, counter)
      assert.isTrue(RecordHeader.isRecord(datagram))
      assert.strictEqual(RecordHeader.epoch(datagram), epoch % 256)
      assert.strictEqual(RecordHeader.index(datagram), index)
      assert.strictEqual(RecordHeader.counter(datagram), counter)
      assert.strictEqual(new DataView(datagram.buffer).getBigUint64(8), BigInt(counter))
    },
    { arbitrary: { runs: 500, size: 60 } },
  )
})
