import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Bytes from "../../../src/domain/crypto/Bytes.ts"
import * as SendStream from "../../../src/domain/delivery/SendStream.ts"
import { integer, pick } from "../arbitraries.ts"

const said = (...lengths: ReadonlyArray<number>) =>
  SendStream.say(
    SendStream.initial,
    lengths.map((length) => Uint8Array.from({ length }, (_, i) => i * 3 + length)),
  )

/** Sends once all that there is to send, at most so much at a time; what was sent. */
const sendAll = (stream: SendStream.SendStream, most: number) => {
  const ranges = []
  let next = stream
  for (let range = SendStream.nextRange(next, most); range !== undefined; range = SendStream.nextRange(next, most)) {
    ranges.push({ ...range, bytes: SendStream.bytes(next, range) })
    next = SendStream.sent(next, range)
  }
  return [next, ranges] as const
}

describe("a stream that is sent", () => {
  it("has messages one after the other, in pieces of any length, whatever pieces of memory they lie in", () => {
    const lengths = [0, 5, 300, 70, 1000, 20_000, 3]
    let stream = SendStream.initial
    const model: Array<number> = []
    for (const length of lengths) {
      const body = Uint8Array.from({ length }, (_, i) => i * 3 + length)
      stream = SendStream.say(stream, [body])
      model.push(1, 0, length >>> 8, length & 255, ...body)
    }
    for (const most of [1, 7, 1191]) {
      const [, ranges] = sendAll(stream, most)
      assert.isTrue(ranges.every(({ bytes }) => bytes.length <= most))
      assert.deepStrictEqual(Bytes.concat(...ranges.map(({ bytes }) => bytes)), Uint8Array.from(model))
    }
  })

  it.prop(
    "sends what was lost again, and never what the other has, until it has all",
    [
      Arbitrary.array(Arbitrary.all([pick("acknowledge", "lost"), integer(0, 800), integer(1, 300)]), {
        maxLength: 30,
      }),
    ],
    ([steps]) => {
      let [stream] = sendAll(said(100, 200, 300, 150), 100)
      const missing = new Set(Array.from({ length: stream.total }, (_, i) => i))
      for (const [what, start, length] of steps) {
        const end = Math.min(start + length, stream.total)
        if (what === "lost") stream = SendStream.lost(stream, { start, end })
        else {
          stream = SendStream.acknowledge(stream, { start, end })
          for (let at = start; at < end; at++) missing.delete(at)
        }
        assert.isTrue(
          stream.resend.every(({ end, start }) => missing.has(start) && missing.has(end - 1)),
          "nothing goes again that the other has",
        )
        assert.strictEqual(stream.base, Math.min(stream.total, ...missing))
        const ends = [104, 308, 612, 766]
        assert.strictEqual(stream.delivered, ends.filter((end) => end <= stream.base).length)
      }
      stream = SendStream.lost(stream, { start: 0, end: stream.total })
      const [again, ranges] = sendAll(stream, 60)
      assert.deepStrictEqual(
        ranges.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, i) => start + i)),
        [...missing],
      )
      const done = ranges.reduce(SendStream.acknowledge, again)
      assert.isTrue(SendStream.isDelivered(done))
      // A small piece of memory stays.
      assert.isAtMost(
        done.chunks.reduce((sum, { slab }) => sum + slab.bytes.length, 0),
        512,
      )
    },
    { arbitrary: { runs: 300, size: 60 } },
  )

  it("frees the memory of what was acknowledged, and takes little more than what waits in small messages", () => {
    let stream = SendStream.initial
    const body = new Uint8Array(1)
    while (SendStream.room(stream) >= 5) stream = SendStream.say(stream, [body])
    const held = () => stream.chunks.reduce((sum, { slab }) => sum + slab.bytes.length, 0)
    assert.isAtMost(held(), SendStream.maxWaiting + 16 * 1024)
    ;[stream] = sendAll(stream, 1191)
    stream = SendStream.acknowledge(stream, { start: 0, end: 200_000 })
    assert.isAtMost(held(), SendStream.maxWaiting - 200_000 + 32 * 1024)
  })

  it("keeps each short message in one piece of memory, and wastes little by it", () => {
    let stream = SendStream.initial
    // Of the shortest pieces, 512 bytes, each takes more than a half.
    const body = new Uint8Array(300).fill(7)
    while (SendStream.room(stream) >= 304) stream = SendStream.say(stream, [body])
    const starts = stream.chunks.map(({ start }) => start)
    assert.isTrue(starts.every((start) => start % 304 === 0))
    const held = stream.chunks.reduce((sum, { slab }) => sum + slab.bytes.length, 0)
    assert.isAtMost(held, SendStream.maxWaiting + 48 * 1024)
  })

  it("is blocked at the limit, with what was lost before it still to go", () => {
    let stream = SendStream.initial
    for (let i = 0; i < 5; i++) stream = SendStream.say(stream, [new Uint8Array(65_536)])
    ;[stream] = sendAll(stream, 1191)
    assert.strictEqual(stream.next, SendStream.firstLimit)
    assert.isTrue(SendStream.isBlocked(stream))
    assert.isFalse(SendStream.isBlocked(SendStream.lost(stream, { start: 5, end: 9 })))
    assert.isFalse(SendStream.isBlocked(SendStream.told(stream, 0, SendStream.firstLimit + 1)))
  })
})
