import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import type { PeerEvent } from "../../src/domain/PeerEvent.ts"
import * as PeerStatus from "../../src/domain/PeerStatus.ts"
import * as arbitraries from "./arbitraries.ts"

const peer = "bob"
const connected: PeerEvent = { event: "connected", peer, kind: "relay", trust: "verified", fingerprint: "abcd" }
const direct = { event: "path", peer, kind: "direct", address: "203.0.113.5:41213" } as const
const sent = (id: number): PeerEvent => ({ event: "sent", peer, id })
const delivered = (id: number): PeerEvent => ({ event: "delivered", peer, id })
const failed = (id: number): PeerEvent => ({ event: "failed", peer, id, reason: "timeout", text: "hello" })

const happening = Arbitrary.flatMap(arbitraries.integer(1, 20), (id) =>
  arbitraries.pick(0, 1, 2, 3).pipe(Arbitrary.map((kind) => [sent(id), delivered(id), failed(id), connected][kind]!)),
)

const after = (...events: ReadonlyArray<PeerEvent>): PeerStatus.Status =>
  events.reduce(PeerStatus.after, PeerStatus.initial)
const prompt = (...events: ReadonlyArray<PeerEvent>): string => PeerStatus.prompt(after(...events))

describe("what stands in front of the input", () => {
  it("is nothing but a mark while no chat is open", () => {
    assert.strictEqual(prompt(), "> ")
    assert.strictEqual(prompt(connected, { event: "closed", peer, reason: "closed" }), "> ")
    assert.strictEqual(prompt({ ...direct, rtt_ms: 23 }, sent(1), { event: "trust", peer, trust: "verified" }), "> ")
  })

  it("says to whom, and in plaintext no more", () =>
    assert.strictEqual(prompt({ event: "connected", peer, address: "192.0.2.1:55000" }), "to bob> "))

  it("says by which path from the first moment on, with the round trip time as soon as it is known", () => {
    assert.strictEqual(prompt(connected), "to bob [verified], relay> ")
    assert.strictEqual(
      prompt(connected, { ...direct, kind: "relay", address: "", rtt_ms: 40.2 }),
      "to bob [verified], relay 40 ms> ",
    )
    assert.strictEqual(prompt(connected, { ...direct, rtt_ms: 23.4 }), "to bob [verified], direct 23 ms> ")
    for (const kind of ["lan", "mapped"] as const) {
      assert.strictEqual(prompt(connected, { ...direct, kind, rtt_ms: 0.42 }), `to bob [verified], ${kind} 0.4 ms> `)
    }
    assert.strictEqual(prompt(connected, { ...direct, rtt_ms: 1234 }), "to bob [verified], direct 1.2 s> ")
  })

  it("does not move for every measurement, but follows a round trip time that changes", () => {
    const { event, kind, address } = direct
    const at = (...times: ReadonlyArray<number>) =>
      prompt(connected, ...times.map((rtt_ms): PeerEvent => ({ event, peer, kind, address, rtt_ms })))
    assert.strictEqual(at(100, 110, 119, 81), "to bob [verified], direct 100 ms> ")
    assert.strictEqual(at(1, 2.9), "to bob [verified], direct 1 ms> ")
    assert.strictEqual(at(100, 121), "to bob [verified], direct 121 ms> ")
    assert.strictEqual(at(100, 121, 100), "to bob [verified], direct 121 ms> ")
    assert.strictEqual(at(100, 50), "to bob [verified], direct 50 ms> ")
  })

  it("counts the texts that have not arrived, and says nothing once all have", () => {
    assert.strictEqual(prompt(connected, direct, sent(1), sent(2)), "to bob [verified], direct, 2 on the way> ")
    assert.strictEqual(
      prompt(connected, direct, sent(1), sent(2), delivered(1)),
      "to bob [verified], direct, 1 on the way> ",
    )
    assert.strictEqual(
      prompt(connected, direct, sent(1), sent(2), delivered(1), delivered(2)),
      "to bob [verified], direct> ",
    )
    assert.strictEqual(prompt(connected, direct, sent(1), failed(1)), "to bob [verified], direct> ")
    // A new chat counts anew.
    assert.strictEqual(prompt(connected, sent(1), connected), "to bob [verified], relay> ")
  })

  it("says that the other side is out of reach, and what waits for it", () =>
    assert.strictEqual(
      prompt(connected, sent(1), { ...direct, kind: "none", address: "" }),
      "to bob [verified], out of reach, 1 waiting> ",
    ))

  it("shows what is known of the key now, and nothing of a name that could pass for it", () => {
    assert.strictEqual(prompt(connected, { event: "trust", peer, trust: "unknown" }), "to bob [unknown], relay> ")
    const name = "x[verified],direct"
    assert.strictEqual(prompt({ ...connected, peer: name, trust: "unknown" }), `to "${name}" [unknown], relay> `)
    assert.strictEqual(prompt({ ...connected, peer: "a\u001b[2J\nb" }), 'to "a[2J b" [verified], relay> ')
  })

  it.prop(
    "never counts less than nothing, and never more than was sent, whatever comes in whatever order",
    [Arbitrary.array(happening, { maxLength: 30 })],
    ([events]) => {
      const count = PeerStatus.onTheWay(after(connected, ...events))
      assert.isTrue(count >= 0 && count <= 20)
    },
    { arbitrary: { runs: 500, size: 30 } },
  )
})

describe("what is printed for a person", () => {
  it("is a path that is another one, and not its next measurement", () => {
    const before = after(connected, { ...direct, rtt_ms: 23 })
    assert.isFalse(PeerStatus.isNews(before, { ...direct, rtt_ms: 230 }))
    assert.isTrue(PeerStatus.isNews(before, { ...direct, address: "203.0.113.5:41214", rtt_ms: 23 }))
    assert.isTrue(PeerStatus.isNews(before, { ...direct, kind: "lan", rtt_ms: 23 }))
    // "Connected … over the relay" has said it.
    assert.isFalse(PeerStatus.isNews(after(connected), { ...direct, kind: "relay", address: "", rtt_ms: 40 }))
  })

  it("is a text that failed, and not one that arrived", () => {
    const before = after(connected)
    assert.isFalse(PeerStatus.isNews(before, sent(1)))
    assert.isFalse(PeerStatus.isNews(before, delivered(1)))
    assert.isTrue(PeerStatus.isNews(before, failed(1)))
    assert.isTrue(PeerStatus.isNews(before, { event: "message", from: peer, text: "hello" }))
  })
})
