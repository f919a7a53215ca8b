/** What a program that has the keys can do: any frames at all, in any order, also such as are nearly right. */
import { assert, describe, it } from "@effect/vitest"
import * as Delivery from "../../../src/domain/delivery/Delivery.ts"
import * as ReceiveStream from "../../../src/domain/delivery/ReceiveStream.ts"
import type * as Frame from "../../../src/domain/record/Frame.ts"
import { assertBounded, randomOf } from "./Channel.ts"

const below = (random: () => number, limit: number): number => Math.floor(random() * limit)

/** Numbers that are near to where something changes. */
const numberOf = (random: () => number, near: number): number => {
  const kind = below(random, 5)
  if (kind === 0) return below(random, 2 ** 48)
  if (kind === 1) return 2 ** 48 - 1 - below(random, 3)
  return Math.max(0, near + below(random, 2000) - 1000)
}

const frameOf = (random: () => number, state: Delivery.State): Frame.Frame => {
  const { receiving, recovery, sending } = state
  if (random() < 0.1) return { _tag: "Probe" }
  if (random() < 0.6) {
    const kind = below(random, 3)
    const bytes = Uint8Array.from({ length: 1 + below(random, random() < 0.5 ? 8 : 1180) }, () => below(random, 256))
    // Mostly headers of messages that are short enough: others end it.
    if (random() < 0.95) bytes.set([below(random, 3), 0, 0, below(random, 30)].slice(0, bytes.length))
    const near = [receiving.received, receiving.pieces.at(-1)?.end ?? 0, ReceiveStream.limit(receiving)][kind]!
    return { _tag: "Data", offset: random() < 0.3 ? receiving.received : numberOf(random, near), bytes }
  }
  const ranges: Array<Frame.AckRange> = []
  let at = recovery.next + 3
  for (let i = below(random, 36); i > 0 && at >= 0; i--) {
    const last = at - below(random, 3)
    const first = last - below(random, 4) + (random() < 0.02 ? 9 : 0)
    ranges.push({ first: Math.max(0, first), last: Math.max(0, last) })
    at = first - (random() < 0.02 ? 0 : 2)
  }
  return {
    _tag: "Ack",
    consumed: numberOf(random, random() < 0.5 ? sending.base : sending.next),
    limit: numberOf(random, sending.limit),
    delay: below(random, 65_536),
    epoch: random() < 0.9 ? 0 : below(random, 2 ** 32),
    ranges,
  }
}

describe("whatever frames come", () => {
  it("nothing throws, and memory stays within its bounds", () => {
    for (let seed = 1; seed <= 150; seed++) {
      const random = randomOf(seed)
      let state = Delivery.initial()
      let now = 0
      let counter = 0
      let failed = false
      for (let i = 0; i < 200 && !failed; i++) {
        try {
          now += random() < 0.9 ? random() * 30 : random() * 100_000
          if (random() < 0.4)
            state = Delivery.say(state, [new Uint8Array(below(random, random() < 0.9 ? 300 : 65_537))])
          const frames = Array.from({ length: below(random, 5) }, () => frameOf(random, state))
          const record = { epoch: random() < 0.95 ? 0 : below(random, 4), counter: numberOf(random, i * 2) }
          const [next, heard] = Delivery.heard(state, frames, record, now)
          state = random() < 0.7 ? Delivery.taken(next, below(random, 5)) : next
          failed = heard.failed !== undefined
          if (random() < 0.02) state = Delivery.moved(state, now)
          if (random() < 0.01) state = Delivery.resumed(state)
          if (Delivery.dueAt(state) <= now) state = Delivery.due(state, now)
          assert.isFalse(Delivery.dueAt(state) < now - 1, "what is due is done")
          for (let full = random() < 0.2 ? 0 : 2000; full > 0; full--) {
            const [filled, carried] = Delivery.fill(state, { epoch: 0, counter }, 40 + below(random, 1161), now)
            state = filled
            if (carried.length === 0) break
            counter += 1
            assert.isAbove(full, 1, "filling ends")
          }
          assertBounded(state)
        } catch (cause) {
          throw new Error(`seed ${seed}: ${String(cause)}`, { cause })
        }
      }
    }
  })

  it("the smallest pieces with gaps between them are kept up to 512, the rest has to come again", () => {
    let state = Delivery.initial()
    for (let i = 0; i < 2000; i++) {
      const frame: Frame.Data = { _tag: "Data", offset: 4 + 2 * i, bytes: Uint8Array.of(i) }
      ;[state] = Delivery.heard(state, [frame], { epoch: 0, counter: i }, 0)
      assertBounded(state)
    }
    assert.lengthOf(state.receiving.pieces, ReceiveStream.maxPieces)
    assert.strictEqual(state.acknowledging.current.highest, ReceiveStream.maxPieces - 1)
  })

  it("messages of nothing, and pieces that overlap in every way, cost time that is bounded", () => {
    let state = Delivery.initial()
    const empty = Uint8Array.from({ length: 1180 }, (_, i) => (i % 4 === 0 ? 1 : 0))
    const start = performance.now()
    // Pieces of one byte with gaps, and then all over them again and again.
    for (let i = 0; i < 512; i++) {
      const frame: Frame.Data = { _tag: "Data", offset: 4 + 2 * i, bytes: Uint8Array.of((4 + 2 * i) % 4 === 0 ? 1 : 0) }
      ;[state] = Delivery.heard(state, [frame], { epoch: 0, counter: i }, 0)
    }
    for (let i = 0; i < 2000; i++) {
      const frame: Frame.Data = { _tag: "Data", offset: 4 + (i % 40) * 4, bytes: empty.subarray(0, 1000) }
      ;[state] = Delivery.heard(state, [frame], { epoch: 0, counter: 512 + i }, 0)
      assertBounded(state)
    }
    for (let offset = 0; offset + 1180 <= 262_144; offset += 1180) {
      ;[state] = Delivery.heard(state, [{ _tag: "Data", offset, bytes: empty }], { epoch: 1, counter: offset }, 0)
    }
    assertBounded(state)
    assert.strictEqual(Delivery.taken(state, 65_000).receiving.consumed, 4 * 65_000)
    assert.isBelow(performance.now() - start, 2000)
  })
})
