/**
 * Two conversations on a network that loses, doubles, delays and reorders as it likes for some seconds, and then behaves.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Option from "effect/Option"
import * as Conversation from "../../src/domain/Conversation.ts"
import type { Dialect } from "../../src/domain/Dialect.ts"
import type { Endpoint } from "../../src/domain/Endpoint.ts"
import * as PeerMessage from "../../src/domain/PeerMessage.ts"
import * as arbitraries from "./arbitraries.ts"
import { type Fate, mostDatagrams, Nomitm, OlderProgram, Path, Timeline } from "./ConversationNetwork.ts"

const fate: Arbitrary.Arbitrary<Fate> = arbitraries.oneOf<Fate>(
  Arbitrary.Constant([]),
  Arbitrary.map(arbitraries.integer(0, 60), (delay) => [delay]),
  Arbitrary.map(arbitraries.integer(0, 3000), (delay) => [delay]),
  Arbitrary.array(arbitraries.integer(0, 3000), { minLength: 1, maxLength: 3 }),
)
const fates = Arbitrary.array(fate, { maxLength: 40 })
const number = arbitraries.oneOf(arbitraries.integer(-3, 3), arbitraries.pick(-2147483648, 2147483647))

/** Where each side sees the other: what an address does is for `Conversation.source.test`. */
const at: Endpoint = { address: "198.51.100.3", port: 55_000 }

/** What is left in the network of a conversation before this one, on the same ports. */
const stale = Arbitrary.array(
  Arbitrary.all({
    at: arbitraries.integer(0, 5000),
    kind: arbitraries.pick("Connect", "KeepAlive", "Text", "Unknown"),
    number,
  }),
  { maxLength: 6 },
)

const scenario = Arbitrary.all({
  dialect: arbitraries.dialect,
  fatesAB: fates,
  fatesBA: fates,
  fairFrom: arbitraries.integer(0, 9000),
  /** When the other side starts, and when it starts once more. */
  startB: arbitraries.pick(0, 0, 10, 1000, 4000),
  restartB: arbitraries.oneOf<number | undefined>(
    Arbitrary.Constant(undefined),
    Arbitrary.map(arbitraries.integer(0, 3000), (after) => after),
  ),
  numbers: Arbitrary.array(number, { minLength: 3, maxLength: 3 }),
  known: arbitraries.pick(true, false),
  stale,
})
type Scenario = typeof scenario extends Arbitrary.Arbitrary<infer A> ? A : never

const leftover = (kind: string, from: string, number: number): PeerMessage.PeerMessage =>
  ({ _tag: kind, from, number, text: "of yesterday", type: "Probe" }) as PeerMessage.PeerMessage

/** Plays a scenario between two of this program. A restarted B is a new conversation that knows nothing. */
const play = (scenario: Scenario) => {
  const { dialect, fairFrom, known } = scenario
  const timeline = new Timeline()
  const sides: { a: Nomitm; b: Nomitm | undefined } = { a: undefined as never, b: undefined }
  const toB = new Path(timeline, scenario.fatesAB, fairFrom, (datagram) => sides.b?.receive(datagram))
  const toA = new Path(timeline, scenario.fatesBA, fairFrom, (datagram) => sides.a.receive(datagram))
  const config = (self: string, other: string, index: number) => ({
    dialect,
    self,
    number: scenario.numbers[index]!,
    peer: known ? Option.some(other) : Option.none(),
    remote: at,
  })
  sides.a = new Nomitm(timeline, config("alice", "bob", 0), (datagram) => toB.send(datagram))
  const startB = (index: number) => {
    sides.b?.die()
    sides.b = new Nomitm(timeline, config("bob", "alice", index), (datagram) => toA.send(datagram))
  }
  timeline.after(scenario.startB, () => startB(1))
  let lastStart = scenario.startB
  if (scenario.restartB !== undefined) {
    lastStart += scenario.restartB
    timeline.after(lastStart, () => startB(2))
  }
  for (const { at, kind, number } of scenario.stale) {
    timeline.after(at, () => sides.a.receive(PeerMessage.encode(dialect, leftover(kind, "bob", number))))
  }
  return { timeline, a: sides.a, b: () => sides.b!, calmFrom: Math.max(fairFrom, lastStart) }
}

/**
 * How long it takes at most until both are open: a CONNECT and its answer, and in the `original` dialect the time after
 * which a token of yesterday is no longer taken for a proof.
 */
const patience = (dialect: Dialect): number => (dialect === "readme" ? 600 : Conversation.echoMillis + 600)

const assertNoStorm = (dialect: Dialect, side: Nomitm, from: number, until: number) =>
  assert.isAtMost(side.sent.filter(({ at }) => at >= from && at <= until).length, mostDatagrams(dialect, until - from))

describe("two of this program, whatever the network did to them", () => {
  it.prop(
    "are both open soon after messages get through, and stay so, without a storm",
    [scenario],
    ([scenario]) => {
      const { timeline, a, b, calmFrom } = play(scenario)
      timeline.advance(calmFrom + patience(scenario.dialect))
      assert.deepStrictEqual([a.state.phase, b().state.phase], ["Open", "Open"])
      assert.strictEqual(a.openings, 1)
      const end = calmFrom + 90_000
      timeline.advance(end)
      assert.deepStrictEqual([a.state.phase, b().state.phase], ["Open", "Open"])
      for (const side of [a, b()]) {
        assertNoStorm(scenario.dialect, side, 0, end)
        assertNoStorm(scenario.dialect, side, 0, calmFrom)
        // A quiet conversation: signs of life, nothing else. All that was late has arrived, and the token has turned up.
        const quiet = side.sent.filter(({ at }) => at > end - 60_000)
        assert.isTrue(quiet.every(({ message }) => message._tag === "KeepAlive"))
        assert.isAtMost(quiet.length, 30)
      }
    },
    { arbitrary: { runs: 600, size: 40 } },
  )

  it.prop(
    "hear what was said, each text no more often than the network doubles it, and nothing else",
    [scenario, Arbitrary.array(arbitraries.integer(0, 12_000), { maxLength: 8 })],
    ([scenario, times]) => {
      const { timeline, a, b, calmFrom } = play({ ...scenario, stale: [] })
      const said = new Map<string, number>()
      for (const [i, at] of times.entries()) {
        timeline.after(at, () => {
          if (a.isOpen()) said.set(`text ${i}`, timeline.now)
          a.say(`text ${i}`)
        })
      }
      timeline.advance(calmFrom + 15_000)
      const copies = Math.max(1, ...scenario.fatesAB.map((fate) => fate.length))
      for (const [text, at] of said) {
        const heard = b().delivered.filter((heard) => heard === text).length
        assert.isAtMost(heard, copies)
        if (at >= calmFrom + patience(scenario.dialect)) assert.strictEqual(heard, 1)
      }
      for (const text of b().delivered) assert.isTrue(said.has(text))
      assert.deepStrictEqual(a.delivered, [])
    },
    { arbitrary: { runs: 400, size: 40 } },
  )

  it.prop(
    "notice that the other is gone 20 seconds after they last heard it, not before",
    [scenario, arbitraries.integer(3000, 20_000)],
    ([scenario, gone]) => {
      const { timeline, a, b, calmFrom } = play({ ...scenario, stale: [] })
      const goneAt = calmFrom + gone
      timeline.advance(goneAt)
      assert.isTrue(a.isOpen())
      b().die()
      timeline.advance(goneAt + 60_000)
      assert.strictEqual(a.ending?.reason, "timeout")
      assert.strictEqual(a.ending?.at, a.state.heardAt + 20_000)
      assert.isAtMost(a.state.heardAt, Math.max(goneAt, calmFrom + 3000) + 20)
      const before = a.sent.length
      timeline.advance(goneAt + 120_000)
      assert.strictEqual(a.sent.length, before)
    },
    { arbitrary: { runs: 400, size: 40 } },
  )

  it.prop(
    "are told of the end by CLOSE, and then are silent",
    [scenario],
    ([scenario]) => {
      const { timeline, a, b, calmFrom } = play(scenario)
      timeline.advance(calmFrom + 5000)
      a.close()
      timeline.advance(calmFrom + 5100)
      assert.strictEqual(a.ending?.reason, "closed")
      assert.strictEqual(b().ending?.reason, "closed_by_peer")
      const sent = [a.sent.length, b().sent.length]
      timeline.advance(calmFrom + 60_000)
      assert.deepStrictEqual([a.sent.length, b().sent.length], sent)
    },
    { arbitrary: { runs: 300, size: 40 } },
  )
})

describe("this program and the older one (SPEC section 8), whatever the network did to them", () => {
  it.prop(
    "are both connected soon after messages get through, and neither times out, nor is there a storm",
    [scenario, arbitraries.pick(20, 60)],
    ([scenario, flood]) => {
      const { fairFrom, numbers } = scenario
      const timeline = new Timeline()
      const sides: { a: Nomitm; b: OlderProgram | undefined } = { a: undefined as never, b: undefined }
      const toB = new Path(timeline, scenario.fatesAB, fairFrom, (datagram) => sides.b?.receive(datagram))
      const toA = new Path(timeline, scenario.fatesBA, fairFrom, (datagram) => sides.a.receive(datagram))
      const a = new Nomitm(
        timeline,
        { dialect: "original", self: "alice", number: numbers[0]!, peer: Option.none(), remote: at },
        (datagram) => toB.send(datagram),
      )
      sides.a = a
      const start = (index: number) => {
        sides.b?.die()
        sides.b = new OlderProgram(timeline, "bob", numbers[index]!, flood, (datagram) => toA.send(datagram))
      }
      timeline.after(scenario.startB, () => start(1))
      let calmFrom = Math.max(fairFrom, scenario.startB)
      if (scenario.restartB !== undefined && numbers[1] !== numbers[2]) {
        const at = scenario.startB + scenario.restartB
        timeline.after(at, () => start(2))
        calmFrom = Math.max(calmFrom, at)
      }
      for (const { at, kind, number } of scenario.stale) {
        timeline.after(at, () => a.receive(PeerMessage.encode("original", leftover(kind, "bob", number))))
      }
      timeline.advance(calmFrom + patience("original"))
      const b = sides.b!
      assert.deepStrictEqual([a.isOpen(), b.connected], [true, true])
      const end = calmFrom + 90_000
      timeline.advance(end - 60_000)
      const echoes = b.sent - b.tokensReceived
      const tokens = b.tokensReceived
      timeline.advance(end)
      assert.deepStrictEqual([a.isOpen(), b.isOpen()], [true, true])
      assert.isAbove(b.tokensReceived, tokens + 5)
      assert.isBelow(b.longestWait, 20_000)
      // A minute of tokens, and not one Connect.
      assert.strictEqual(b.sent - b.tokensReceived, echoes)
      assertNoStorm("original", a, 0, end)
    },
    { arbitrary: { runs: 600, size: 40 } },
  )
})
