/**
 * Conversations through a NAT that gives one side another port than the agreed one, on a network that loses, delays and
 * doubles for some seconds and then behaves.
 *
 * ```
 *   alice, who is where she is announced ──▶ bob's NAT, only at the port that it gave ──▶ bob
 * ```
 */
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Option from "effect/Option"
import type { Dialect } from "../../src/domain/Dialect.ts"
import { type Endpoint, equals } from "../../src/domain/Endpoint.ts"
import * as ObservedSource from "../../src/domain/ObservedSource.ts"
import * as arbitraries from "./arbitraries.ts"
import { type Fate, Nomitm, OlderProgram, Path, Timeline } from "./ConversationNetwork.ts"

const aliceAt: Endpoint = { address: "198.51.100.2", port: 55_000 }
const bobAt: Endpoint = { address: "198.51.100.3", port: 55_000 }

const fates = Arbitrary.array(
  arbitraries.oneOf<Fate>(
    Arbitrary.Constant([]),
    Arbitrary.map(arbitraries.integer(0, 60), (delay) => [delay]),
    Arbitrary.array(arbitraries.integer(0, 1000), { minLength: 1, maxLength: 2 }),
  ),
  { maxLength: 30 },
)

const scenario = Arbitrary.all({
  dialect: arbitraries.dialect,
  fatesAB: fates,
  fatesBA: fates,
  fairFrom: arbitraries.integer(0, 6000),
  startB: arbitraries.pick(0, 10, 3000),
  /** Bob's number; alice's is 0. */
  number: arbitraries.pick(-1, 0, 1),
  known: arbitraries.pick(true, false),
  isOlder: arbitraries.pick(true, false),
})
type Scenario = typeof scenario extends Arbitrary.Arbitrary<infer A> ? A : never

const play = ({ fatesAB, fairFrom, startB, number, known, ...rest }: Scenario) => {
  // Of a flood of thousands a second something always arrives; of the model's fifty perhaps a single one, which is all
  // that may then be answered.
  const fatesBA = rest.isOlder ? [] : rest.fatesBA
  const dialect: Dialect = rest.isOlder ? "original" : rest.dialect
  const timeline = new Timeline()
  const sides: { b: Nomitm | OlderProgram | undefined } = { b: undefined }
  const nat = { port: 23_456 }
  const toB = new Path(timeline, fatesAB, fairFrom, (datagram) => sides.b?.receive(datagram))
  const config = (self: string, peer: string, remote: Endpoint, number: number) => ({
    dialect,
    self,
    remote,
    number,
    peer: known ? Option.some(peer) : Option.none(),
  })
  const a = new Nomitm(timeline, config("alice", "bob", bobAt, 0), (datagram, to) => {
    if (equals(to, { ...bobAt, port: nat.port })) toB.send(datagram)
  })
  const toA = (port: number) =>
    new Path(timeline, fatesBA, fairFrom, (datagram) => a.receive(datagram, { ...bobAt, port }))
  let path = toA(nat.port)
  const send = (datagram: Uint8Array) => path.send(datagram)
  timeline.after(startB, () => {
    sides.b = rest.isOlder
      ? new OlderProgram(timeline, "bob", number, 20, send)
      : new Nomitm(timeline, config("bob", "alice", aliceAt, number), send)
  })
  return {
    timeline,
    a,
    b: () => sides.b!,
    calmFrom: Math.max(fairFrom, startB),
    /** Bob's NAT starts anew. */
    restart: () => {
      nat.port += 1
      path = toA(nat.port)
    },
  }
}

describe("a peer whose NAT gives it another port than the agreed one", () => {
  it.prop(
    "is talked to at the port where it is seen, and the chat lives, older programs included",
    [scenario],
    ([scenario]) => {
      const { timeline, a, b, calmFrom } = play(scenario)
      timeline.advance(calmFrom + 12_000)
      assert.deepStrictEqual([a.isOpen(), b().isOpen()], [true, true])
      a.say("hello")
      const [heard] = [b()]
      timeline.advance(calmFrom + 12_100)
      if (heard instanceof Nomitm) assert.deepStrictEqual(heard.delivered, ["hello"])
      timeline.advance(calmFrom + 120_000)
      assert.deepStrictEqual([a.isOpen(), b().isOpen(), a.openings], [true, true, 1])
      assert.isAtMost(a.sent.length, 4 * (calmFrom / 1000 + 10) + 125)
    },
    { arbitrary: { runs: 500, size: 40 } },
  )

  it.prop(
    "is followed when the NAT starts anew in the middle of it, before anybody takes it for gone",
    [scenario, arbitraries.integer(6000, 20_000)],
    ([scenario, after]) => {
      const { timeline, a, b, calmFrom, restart } = play({ ...scenario, isOlder: false })
      timeline.advance(calmFrom + after)
      restart()
      timeline.advance(calmFrom + after + ObservedSource.quietMillis + 6000)
      a.say("from alice")
      const bob = b() as Nomitm
      bob.say("from bob")
      timeline.advance(calmFrom + after + 60_000)
      assert.deepStrictEqual([a.isOpen(), bob.isOpen()], [true, true])
      assert.deepStrictEqual([a.delivered, bob.delivered], [["from bob"], ["from alice"]])
    },
    { arbitrary: { runs: 300, size: 40 } },
  )
})
