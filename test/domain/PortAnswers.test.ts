import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as PortAnswers from "../../src/domain/PortAnswers.ts"
import * as arbitraries from "./arbitraries.ts"

const { ask, gateMillis, holdMillis, surplusMillis } = PortAnswers

/** A client's connection: what becomes of its lines, one after the other. */
const connection = (dialect: "readme" | "original") => {
  let state = PortAnswers.initial
  const take = ([next, verdict]: readonly [PortAnswers.State, PortAnswers.Verdict]) => {
    state = next
    return verdict
  }
  return {
    state: () => state,
    gate: (now: number) => gateMillis(state, now),
    ask: (now = 0) => {
      state = ask(state, now)
    },
    withdraw: (now: number) => {
      state = PortAnswers.withdraw(state, now)
    },
    ok: (now: number) => take(PortAnswers.answer(state, dialect, "Free", now)),
    error: (now = 0) => take(PortAnswers.answer(state, dialect, "Taken", now)),
    silence: (now: number) => take(PortAnswers.settle(state, dialect, now)),
  }
}

describe("in the readme dialect", () => {
  it("each PORT has one answer, and any other OK or ERROR is noise", () => {
    const client = connection("readme")
    assert.strictEqual(client.ok(0), "Noise")
    assert.strictEqual(client.error(), "Noise")
    client.ask()
    assert.strictEqual(client.ok(1), "Free")
    assert.strictEqual(client.ok(2), "Noise")
    client.ask()
    assert.strictEqual(client.error(), "Taken")
    assert.strictEqual(client.error(), "Noise")
  })

  it("the next PORT goes out at once, and its OK counts at once", () => {
    const client = connection("readme")
    client.ask()
    client.ok(0)
    assert.strictEqual(client.gate(0), 0)
    client.ask()
    assert.strictEqual(client.ok(0), "Free")
  })

  it("a question that is withdrawn takes no answer", () => {
    const client = connection("readme")
    client.ask()
    client.withdraw(0)
    assert.strictEqual(client.ok(0), "Noise")
  })

  it("the late answer to a question that was withdrawn does not answer the next one", () => {
    for (const late of ["ok", "error"] as const) {
      const client = connection("readme")
      client.ask()
      client.withdraw(0)
      client.ask()
      assert.strictEqual(client[late](20), "Held")
      assert.strictEqual(client.ok(40), "Free")
    }
  })

  it("a client that missed a question is understood when it answers the next", () => {
    for (const [said, verdict] of [
      ["ok", "Free"],
      ["error", "Taken"],
    ] as const) {
      const client = connection("readme")
      client.ask()
      client.withdraw(0)
      client.ask()
      assert.strictEqual(client[said](20), "Held")
      assert.strictEqual(client.silence(20 + holdMillis), verdict)
      client.ask()
      assert.strictEqual(client.ok(5100), "Free")
    }
  })

  it("an answer that is five seconds late is no longer waited for", () => {
    const client = connection("readme")
    client.ask()
    client.withdraw(0)
    client.ask()
    assert.strictEqual(client.ok(PortAnswers.owedMillis), "Free")
  })

  it("a question that was answered owes nothing when its call ends", () => {
    const client = connection("readme")
    client.ask()
    assert.strictEqual(client.ok(0), "Free")
    client.withdraw(0)
    client.ask()
    assert.strictEqual(client.ok(1), "Free")
  })
})

describe("an older client, which says OK twice (SPEC section 6.4)", () => {
  it("has accepted with the first; the second, tens of milliseconds later, is noise", () => {
    const client = connection("original")
    client.ask()
    assert.strictEqual(client.ok(1000), "Free")
    assert.strictEqual(client.ok(1042), "Noise")
    assert.isTrue(client.state().doubles)
  })

  it("that has twice not doubled in time is believed to send one OK, and is asked without waiting", () => {
    const client = connection("original")
    let now = 0
    for (const gate of [0, holdMillis, holdMillis, 0, 0]) {
      assert.strictEqual(client.gate(now), gate)
      now += gate
      client.ask(now)
      const verdict = client.ok(now)
      if (verdict === "Held") assert.strictEqual(client.silence((now += holdMillis)), "Free")
      else assert.strictEqual(verdict, "Free")
    }
  })

  it("is asked again only after its surplus OK has come or had time to", () => {
    const client = connection("original")
    assert.deepStrictEqual([holdMillis, surplusMillis], [500, 5000])
    assert.strictEqual(client.gate(0), 0)
    client.ask()
    client.ok(1000)
    assert.strictEqual(client.gate(1000), holdMillis)
    assert.strictEqual(client.gate(1200), holdMillis - 200)
    assert.strictEqual(client.gate(1000 + holdMillis), 0)
    client.ok(1042)
    assert.strictEqual(client.gate(1042), 0)
  })

  it("refuses the next port though its surplus OK comes late, after that PORT", () => {
    const client = connection("original")
    client.ask()
    client.ok(0)
    client.ask()
    assert.strictEqual(client.ok(600), "Held")
    assert.strictEqual(client.error(), "Taken")
    assert.strictEqual(client.silence(1200), "Noise")
    assert.isTrue(client.state().doubles)
  })

  it("accepts the next port though its surplus OK comes late: a second OK shows what the first was", () => {
    const client = connection("original")
    client.ask()
    client.ok(0)
    client.ask()
    assert.strictEqual(client.ok(600), "Held")
    assert.strictEqual(client.ok(650), "Free")
    assert.strictEqual(client.ok(660), "Noise")
  })

  it("once known is asked without waiting, and its surplus OK never answers", () => {
    const client = connection("original")
    client.ask()
    client.ok(0)
    client.ok(1)
    client.ask()
    assert.strictEqual(client.ok(2), "Free")
    assert.strictEqual(client.gate(2), 0)
    client.ask()
    assert.strictEqual(client.ok(3), "Noise")
    assert.strictEqual(client.error(), "Taken")
    client.ask()
    assert.strictEqual(client.ok(4), "Free")
  })

  it("that refuses says so once, and has no surplus left", () => {
    const client = connection("original")
    client.ask()
    assert.strictEqual(client.error(), "Taken")
    assert.strictEqual(client.gate(0), 0)
    client.ask()
    assert.strictEqual(client.ok(1), "Free")
  })
})

describe("a client of the original dialect that says OK once", () => {
  it("accepts the next port: silence after its OK shows that it was the answer", () => {
    const client = connection("original")
    client.ask()
    assert.strictEqual(client.ok(0), "Free")
    client.ask()
    assert.strictEqual(client.ok(600), "Held")
    assert.strictEqual(client.silence(600 + holdMillis), "Free")
    assert.isFalse(client.state().doubles)
  })

  it("is not waited for when its last call was long ago", () => {
    const client = connection("original")
    client.ask()
    client.ok(0)
    assert.strictEqual(client.gate(surplusMillis), 0)
    client.ask()
    assert.strictEqual(client.ok(surplusMillis), "Free")
  })

  it("settles nothing by silence alone", () => {
    const client = connection("original")
    assert.strictEqual(client.silence(0), "Noise")
    client.ask()
    assert.strictEqual(client.silence(500), "Noise")
    assert.strictEqual(client.ok(501), "Free")
  })
})

/** What can happen on a connection, in any order and with any pauses. */
const happening = Arbitrary.all({
  what: arbitraries.pick("ask", "withdraw", "ok", "ok", "ok", "error", "silence"),
  pause: arbitraries.oneOf(
    arbitraries.pick(0, 1, 40),
    arbitraries.pick(holdMillis, surplusMillis),
    arbitraries.integer(0, 6000),
  ),
})

describe("whatever happens on a connection", () => {
  it.prop(
    "a question gets at most one verdict, and only a question gets one",
    [arbitraries.dialect, Arbitrary.array(happening, { maxLength: 40 })],
    ([dialect, happenings]) => {
      const client = connection(dialect)
      let now = 0
      let open = false
      for (const { what, pause } of happenings) {
        now += pause
        if (what === "ask") {
          const gate = client.gate(now)
          assert.isTrue(gate >= 0 && gate <= holdMillis)
          now += gate
          assert.strictEqual(client.gate(now), 0)
          client.ask()
          open = true
          continue
        }
        if (what === "withdraw") {
          client.withdraw(now)
          open = false
          continue
        }
        const verdict = what === "ok" ? client.ok(now) : what === "error" ? client.error(now) : client.silence(now)
        if (verdict !== "Noise") assert.isTrue(open, `${verdict} without a question`)
        if (verdict === "Held" && dialect === "original" && client.state().owed === 0) assert.strictEqual(what, "ok")
        if (verdict === "Taken") assert.include(["error", "silence"], what)
        if (what === "error" && open && client.state().owed === 0) assert.include(["Taken", "Noise"], verdict)
        if (verdict === "Free" || verdict === "Taken") open = false
        assert.strictEqual(client.state().asked, open)
        if (client.state().held !== undefined) assert.isTrue(open)
      }
    },
    { arbitrary: { runs: 3000, size: 40 } },
  )

  it.prop(
    "a question is settled at the latest by two OK or by an OK and silence",
    [Arbitrary.array(happening, { maxLength: 40 }), arbitraries.pick(true, false)],
    ([happenings, silent]) => {
      const client = connection("original")
      let now = 0
      for (const { what, pause } of happenings) {
        now += pause
        if (what === "ask") client.ask()
        // Long ago, so that no answer is owed.
        if (what === "withdraw") client.withdraw(now - PortAnswers.owedMillis)
        if (what === "ok") client.ok(now)
        if (what === "error") client.error(now)
        if (what === "silence") client.silence(now)
      }
      client.ask()
      // A client that has been seen to double is believed to double again: then three lines may be needed.
      const verdicts = [
        client.ok(now),
        ...(silent ? [client.silence(now + holdMillis)] : []),
        client.ok(now + holdMillis),
      ]
      if (verdicts.includes("Held") || verdicts[0] === "Noise") assert.include(verdicts, "Free")
      else assert.strictEqual(verdicts[0], "Free")
    },
    arbitraries.thorough,
  )
})

/** A client as the wire shows it: how it answers each PORT, and how long its lines take. Milliseconds. */
const client = Arbitrary.all({
  doubles: arbitraries.pick(true, false),
  roundTrip: arbitraries.oneOf(arbitraries.pick(0, 1, 100, 500), arbitraries.integer(0, 2000)),
  /** Nagle holds the second OK back for a round trip, delayed acknowledgement for some more. */
  second: arbitraries.oneOf(arbitraries.pick("soon", "soon", "nagle"), Arbitrary.Constant("nagle" as const)),
  delay: arbitraries.integer(0, 200),
  answers: Arbitrary.array(
    Arbitrary.all({
      free: arbitraries.pick(true, false),
      pause: arbitraries.oneOf(arbitraries.pick(0), arbitraries.integer(0, 7000)),
    }),
    { minLength: 1, maxLength: 20 },
  ),
})

describe("an older client on any line", () => {
  it.prop(
    "is understood as it means it: a port it refuses is never settled by a surplus OK, nor one it accepts refused",
    [client],
    ([{ doubles, roundTrip, second, delay, answers }]) => {
      const server = connection("original")
      /** The lines on their way to the server, in order: TCP keeps it. */
      const lines: Array<{ readonly at: number; readonly ok: boolean }> = []
      const write = (at: number, ok: boolean) => lines.push({ at: Math.max(at, lines.at(-1)?.at ?? 0), ok })
      let now = 0
      const receive = (until: number) => {
        const line = lines[0]
        if (line === undefined || line.at > until) return undefined
        lines.shift()
        now = Math.max(now, line.at)
        return line.ok ? server.ok(now) : server.error()
      }
      /** Lines that come while nobody asks. */
      const wait = (until: number) => {
        let verdict = receive(until)
        while (verdict !== undefined) {
          assert.strictEqual(verdict, "Noise")
          verdict = receive(until)
        }
        now = Math.max(now, until)
      }
      // A second OK that takes longer than `holdMillis` is told apart only while one call is being set up, when the next
      // PORT follows without a pause: its answer is then less than `holdMillis` behind.
      const slow = doubles && second === "nagle" && roundTrip + delay > holdMillis
      for (const { free, pause } of answers) {
        wait(slow ? now : now + pause)
        wait(now + server.gate(now))
        server.ask()
        write(now + roundTrip, free)
        if (free && doubles) write(now + roundTrip + (second === "soon" ? delay / 4 : roundTrip + delay), true)
        let verdict = receive(Infinity)
        while (verdict === "Noise") verdict = receive(Infinity)
        if (verdict === "Held") {
          const until = now + holdMillis
          verdict = receive(until)
          if (verdict === undefined) {
            now = until
            verdict = server.silence(now)
          }
        }
        assert.strictEqual(verdict, free ? "Free" : "Taken")
      }
    },
    { arbitrary: { runs: 3000, size: 40 } },
  )
})
