/**
 * Finding: an acknowledgement that was held back once makes the next lost message wait for minutes, though the probe
 * time-out is told to be 15 seconds at most.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Delivery from "../../../src/domain/delivery/Delivery.ts"
import { maxProbeMillis } from "../../../src/domain/delivery/RoundTrip.ts"

const text = (n: number): Uint8Array => new Uint8Array(10).fill(n)

describe("acknowledgements that somebody on the way keeps for a minute and a half", () => {
  it("and lets pass from then on: what is lost later is sent again within the longest probe time-out", () => {
    let state = Delivery.initial()
    let counter = 0
    /** Counters of the records with DATA that were sent. */
    const send = (now: number): Array<number> => {
      const sent: Array<number> = []
      for (;;) {
        const [next, frames] = Delivery.fill(state, { epoch: 0, counter }, 1200, now)
        state = next
        if (frames.length === 0) return sent
        sent.push(counter++)
      }
    }
    let theirs = 0
    const acknowledge = (counters: ReadonlyArray<number>, now: number): void => {
      const ranges = counters.toSorted((a, b) => b - a).map((it) => ({ first: it, last: it }))
      const ack = { _tag: "Ack", consumed: 0, limit: 262_144, delay: 0, epoch: 0, ranges } as const
      ;[state] = Delivery.heard(state, [ack], { epoch: 0, counter: theirs++ }, now)
    }

    // The first message arrives at once. What says so is kept on the way; challenges are answered, so that the path lives.
    state = Delivery.say(state, [text(1)])
    const [first] = send(0)
    for (let now = 1; now < 90_000; now += 1) {
      if (Delivery.dueAt(state) <= now) state = Delivery.due(state, now)
      send(now)
    }
    acknowledge([first!], 90_000)
    assert.isTrue(Delivery.isIdle(state))

    // From here on the way is good, with a round trip of 20 ms: one record is lost, the next arrives.
    state = Delivery.say(state, [text(2)])
    assert.lengthOf(send(100_000), 1)
    state = Delivery.say(state, [text(3)])
    const arrived = send(101_000)
    acknowledge(arrived, 101_020)
    let now = 101_020
    let again: Array<number> = []
    for (; again.length === 0 && now < 1_000_000; now++) {
      if (Delivery.dueAt(state) <= now) state = Delivery.due(state, now)
      again = send(now)
    }
    assert.isAtMost(now - 100_000, maxProbeMillis + 1000, "milliseconds until it is sent again")
  })
})
