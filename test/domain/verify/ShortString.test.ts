import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import type { SasFrame } from "../../../src/domain/record/Frame.ts"
import * as ShortString from "../../../src/domain/verify/ShortString.ts"
import { integer, pick } from "../arbitraries.ts"
import { ShortStringSide, framesOf, shown } from "./ShortStringSide.ts"

const sides = () => [new ShortStringSide(true, "alice"), new ShortStringSide(false, "bob")] as const

/** A whole run, each word arriving once and at once. */
const run = (a: ShortStringSide, b: ShortStringSide, now: number) => {
  const [commit] = framesOf(a.start(now))
  const [reply] = framesOf(b.hears(commit!, now))
  const revealed = a.hears(reply!, now)
  const checked = b.hears(framesOf(revealed)[0]!, now)
  return { commit, reply, revealed, checked }
}

describe("a run", () => {
  it("shows both the same, the initiator when the responder has drawn, the responder when it has checked", () => {
    const [a, b] = sides()
    const { revealed, checked } = run(a, b, 0)
    assert.deepStrictEqual(shown(revealed), ["SasReveal 1", "Ready"])
    assert.deepStrictEqual(shown(checked), ["Ready"])
    assert.deepStrictEqual(revealed[1], checked[0])
  })

  it("shows other things the next time", () => {
    const [a, b] = sides()
    const values = [0, 3000, 6000].map((now) => run(a, b, now).checked[0])
    assert.strictEqual(new Set(values.map((it) => JSON.stringify(it))).size, 3)
  })

  it("shows other things where the handshakes, or their secrets, were others", () => {
    for (const other of [{ h: new Uint8Array(32).fill(1) }, { sas: new Uint8Array(32).fill(1) }]) {
      const a = new ShortStringSide(true, "alice")
      const b = new ShortStringSide(false, "bob", other)
      const [commit] = framesOf(a.start(0))
      const [reply] = framesOf(b.hears(commit!, 0))
      const revealed = a.hears(reply!, 0)
      const checked = b.hears(framesOf(revealed)[0]!, 0)
      assert.notDeepEqual(checked[0], revealed[1])
    }
  })

  it("is asked for by the responder until it begins, for ten seconds, which is no failure", () => {
    const b = new ShortStringSide(false, "bob")
    assert.deepStrictEqual(shown(b.start(0)), ["SasRequest"])
    for (let now = 500; now < 10_000; now += 500) assert.deepStrictEqual(shown(b.due(now)), ["SasRequest"])
    assert.deepStrictEqual(shown(b.due(10_000)), ["failed no_answer"])
    assert.strictEqual(b.state.failures, 0)
    assert.strictEqual(ShortString.dueAt(b.state), Infinity)
  })

  it("begins once, whoever wants it and however often", () => {
    const [a, b] = sides()
    assert.deepStrictEqual(shown(b.start(0)), ["SasRequest"])
    assert.deepStrictEqual(shown(b.start(10)), [])
    const [commit] = framesOf(a.start(5))
    assert.deepStrictEqual(shown(a.hears({ _tag: "SasRequest" }, 20)), [])
    assert.deepStrictEqual(shown(a.start(30)), [])
    assert.deepStrictEqual(shown(b.hears(commit!, 30)), ["SasReply 1"])
    assert.deepStrictEqual(shown(b.start(40)), [])
  })

  it("goes on where words are lost: each is sent again every 500 ms, and answered again with the same", () => {
    const [a, b] = sides()
    const [commit] = framesOf(a.start(0))
    assert.deepStrictEqual(a.due(499), [])
    assert.deepStrictEqual(framesOf(a.due(500)), [commit!])
    const [reply] = framesOf(b.hears(commit!, 600))
    assert.deepStrictEqual(framesOf(b.hears(commit!, 700)), [reply!])
    assert.deepStrictEqual(framesOf(b.due(1100)), [reply!])
    const [reveal] = framesOf(a.hears(reply!, 1200))
    assert.deepStrictEqual(framesOf(a.hears(reply!, 1700)), [reveal!])
    assert.deepStrictEqual(shown(b.hears(reveal!, 1800)), ["Ready"])
    assert.deepStrictEqual(shown(b.hears(reveal!, 1900)), [])
    assert.deepStrictEqual(shown(a.due(100_000)), [])
    assert.deepStrictEqual(shown(b.due(100_000)), [])
  })

  it("is not followed by another for two seconds, in which an old request may come; a wish is kept", () => {
    const [a, b] = sides()
    run(a, b, 1000)
    assert.deepStrictEqual(shown(a.hears({ _tag: "SasRequest" }, 2999)), [])
    assert.deepStrictEqual(shown(a.due(3000)), [])
    assert.deepStrictEqual(shown(a.hears({ _tag: "SasRequest" }, 3000)), ["SasCommit 2"])

    const [c, d] = sides()
    run(c, d, 1000)
    assert.deepStrictEqual(shown(c.start(1500)), [])
    assert.strictEqual(ShortString.dueAt(c.state), 3000)
    assert.deepStrictEqual(shown(c.due(3000)), ["SasCommit 2"])
  })

  it("is the last after 255", () => {
    const [a, b] = sides()
    for (let n = 0; n < 255; n++) assert.deepStrictEqual(shown(run(a, b, n * 3000).checked), ["Ready"])
    assert.deepStrictEqual(shown(a.start(1e9)), ["failed too_many_runs"])
  })
})

describe("a value", () => {
  it.prop(
    "is three numbers of 11 bits, and ten digits",
    [integer(0, 2 ** 33 - 1)],
    ([value]) => {
      const [first, second, third] = ShortString.indices(value)
      assert.strictEqual((BigInt(first) << 22n) | (BigInt(second) << 11n) | BigInt(third), BigInt(value))
      for (const index of [first, second, third]) assert.isTrue(index >= 0 && index < 2048)
      assert.match(ShortString.digits(value), /^\d{10}$/)
      assert.strictEqual(Number(ShortString.digits(value)), value)
    },
    { arbitrary: { runs: 500, size: 60 } },
  )
})

/** What happens to the words of two honest sides: lost, doubled, late. */
const fate = Arbitrary.array(integer(0, 3), { minLength: 1, maxLength: 20 })

it.prop(
  "two honest sides never fail by mistake, and show the same or nothing, whatever is lost, late or doubled",
  [fate, pick(true, false), pick(true, false)],
  ([fate, aliceStarts, bobStarts]) => {
    const [a, b] = sides()
    const underWay: Array<{ readonly to: ShortStringSide; readonly frame: SasFrame; readonly at: number }> = []
    const values: Array<readonly [ShortStringSide, number]> = []
    const sent = new Map<ShortStringSide, number>()
    const act = (from: ShortStringSide, actions: ReadonlyArray<ShortString.Action>, now: number) => {
      for (const action of actions) {
        assert.notStrictEqual(action._tag, "Failed")
        if (action._tag === "Ready") values.push([from, action.value])
      }
      for (const frame of framesOf(actions)) {
        // Every third word of each side gets through in time.
        const count = sent.get(from) ?? 0
        sent.set(from, count + 1)
        const kind = count % 3 === 2 ? 3 : fate[count % fate.length]!
        const to = from === a ? b : a
        if (kind >= 1) underWay.push({ to, frame, at: now + (kind === 1 ? 1300 : 100) })
        if (kind === 2) underWay.push({ to, frame, at: now + 900 })
      }
    }
    if (aliceStarts) act(a, a.start(0), 0)
    if (bobStarts) act(b, b.start(0), 0)
    for (let now = 0; now < 20_000; now += 100) {
      for (const side of [a, b]) act(side, side.due(now), now)
      for (const word of underWay.filter(({ at }) => at === now)) act(word.to, word.to.hears(word.frame, now), now)
    }
    const ofAlice = values.flatMap(([side, value]) => (side === a ? [value] : []))
    const ofBob = values.flatMap(([side, value]) => (side === b ? [value] : []))
    assert.deepStrictEqual(ofBob, ofAlice)
    assert.strictEqual(ofAlice.length > 0, aliceStarts || bobStarts)
  },
  { arbitrary: { runs: 400, size: 40 } },
)

describe("a chat that goes on by another call", () => {
  it("counts what has failed before: cutting the way gives nobody new guesses", () => {
    const [a, b] = sides()
    for (const _ of [1, 2]) {
      const [commit] = framesOf(a.start(0))
      b.hears(commit!, 0)
      assert.deepStrictEqual(shown(a.resumes()), ["failed no_answer"])
      assert.deepStrictEqual(shown(b.resumes()), ["failed no_answer"])
    }
    assert.deepStrictEqual([a.state.failures, b.state.failures], [2, 2])
    const [commit] = framesOf(a.start(0))
    b.hears(commit!, 0)
    assert.deepStrictEqual(shown(a.resumes()), ["failed no_answer", "GiveUpChat"])
    assert.deepStrictEqual(shown(b.resumes()), ["failed no_answer", "GiveUpChat"])
  })

  it("tells whoever waits for a run, which is no failure, and nobody else", () => {
    const [a, b] = sides()
    b.start(0)
    assert.deepStrictEqual(shown(b.resumes()), ["failed no_answer"])
    assert.deepStrictEqual(shown(a.resumes()), [])
    assert.deepStrictEqual([a.state.failures, b.state.failures], [0, 0])
  })

  it("shows both the same, which is something else than before", () => {
    const [a, b] = sides()
    const before = run(a, b, 0).revealed[1]
    assert.deepStrictEqual([...a.resumes(), ...b.resumes()], [])
    const { revealed, checked } = run(a, b, 5000)
    assert.deepStrictEqual(revealed[1], checked[0])
    assert.notDeepEqual(revealed[1], before)
  })
})
