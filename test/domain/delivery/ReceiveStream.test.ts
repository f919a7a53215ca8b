import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as ReceiveStream from "../../../src/domain/delivery/ReceiveStream.ts"
import { integer } from "../arbitraries.ts"

/** A stream of messages of 0 to 30 bytes, and their bodies. */
const bodies = Array.from({ length: 31 }, (_, i) => Uint8Array.from({ length: i }, (_, j) => 100 * i + j))
const stream = Uint8Array.from(bodies.flatMap((body) => [1, 0, 0, body.length, ...body]))

const take = (state: ReceiveStream.ReceiveStream, offset: number, bytes: Uint8Array) => {
  const messages: Array<Uint8Array> = []
  const [next, outcome] = ReceiveStream.heard(state, offset, bytes, messages)
  return { next, outcome, messages }
}

describe("a stream that is received", () => {
  it.prop(
    "gives each message once and in order, whatever pieces come and however they overlap",
    [Arbitrary.array(Arbitrary.all([integer(0, stream.length - 1), integer(1, 120)]), { maxLength: 40 })],
    ([pieces]) => {
      let state = ReceiveStream.initial
      const got: Array<Uint8Array> = []
      for (const [offset, length] of [...pieces, [0, stream.length] as const]) {
        const { messages, next, outcome } = take(state, offset, stream.slice(offset, offset + length))
        assert.notInclude(["Refused", "Failed"], outcome)
        assert.strictEqual(outcome === "Known", next === state)
        for (const message of messages) got.push(message.slice())
        state = next
        assert.isTrue(
          state.pieces.every(
            ({ end, start }, i) => start < end && start >= (state.pieces[i - 1]?.end ?? state.received + 1),
          ),
        )
      }
      assert.deepStrictEqual(got, bodies)
      assert.strictEqual(state.received, stream.length)
      assert.isEmpty(state.pieces)
    },
    { arbitrary: { runs: 300, size: 60 } },
  )

  it("keeps the first of bytes that come twice and differ", () => {
    const waiting = take(ReceiveStream.initial, 5, Uint8Array.of(7, 8)).next
    const { messages } = take(waiting, 0, Uint8Array.of(1, 0, 0, 4, 6, 9, 9, 9))
    assert.deepStrictEqual(messages, [Uint8Array.of(6, 9, 9, 9)])
    const other = take(waiting, 4, Uint8Array.of(6, 9, 9, 9)).next
    assert.deepStrictEqual(take(other, 0, Uint8Array.of(1, 0, 0, 4)).messages, [Uint8Array.of(6, 7, 8, 9)])
  })

  it("keeps what touches as one piece, in memory that is not much more", () => {
    let state = ReceiveStream.initial
    for (let offset = 1; offset < 200_000; offset += 100) state = take(state, offset, new Uint8Array(100)).next
    assert.lengthOf(state.pieces, 1)
    assert.isAtMost(ReceiveStream.kept(state), 400_000)
  })

  it("refuses what goes beyond the limit, which moves with what is taken", () => {
    const last = ReceiveStream.window
    assert.strictEqual(take(ReceiveStream.initial, last, Uint8Array.of(1)).outcome, "Refused")
    assert.strictEqual(take(ReceiveStream.initial, last - 1, Uint8Array.of(1)).outcome, "Waiting")
    const { next } = take(ReceiveStream.initial, 0, stream)
    assert.strictEqual(take(next, last, Uint8Array.of(1)).outcome, "Refused")
    assert.strictEqual(take(ReceiveStream.taken(next, 1), last, Uint8Array.of(1)).outcome, "Waiting")
  })
})
