/** The page of results says of a run what happened in it: no target is met that was missed. */
import { assert, describe, it } from "vitest"
import { type Outcome } from "./play.ts"
import { kinds, pairs } from "./pairs.ts"
import * as Report from "./Report.ts"
import type { Scenario } from "./Scenario.ts"

const outcome = (changes: Partial<Outcome> = {}): Outcome => ({
  problems: [],
  paths: ["direct", "direct"],
  firstMessage: 90,
  bothHeard: 130,
  direct: 300,
  packets: 20,
  failover: undefined,
  transcript: "",
  ...changes,
})

const scenario = (group: Scenario["group"]): Scenario => ({
  name: `a place of ${group}`,
  group,
  sites: [],
  paths: ["direct"],
})

const run = (group: Scenario["group"], trials: ReadonlyArray<Outcome>): Report.Run => ({
  results: [{ scenario: scenario(group), trials }],
  delay: 20,
  trials: trials.length,
  machine: "a machine",
  date: "2026-11-24",
})

/** The names of the targets that a run misses. */
const missed = (run: Report.Run) =>
  Report.targets(run)
    .filter(({ met }) => !met)
    .map(({ name }) => name.slice(0, 40))

describe("the pairs", () => {
  it("are all 105 of the 14 kinds, each once", () => {
    assert.lengthOf(kinds, 14)
    assert.lengthOf(pairs, 105)
    assert.lengthOf(new Set(pairs.map(({ name }) => name)), 105)
  })

  it("may end on the relay only where UDP is blocked, or of two symmetric sides that can't be foretold", () => {
    const relayed = pairs.filter(({ paths }) => paths.includes("relay")).map(({ name }) => name)
    assert.lengthOf(
      relayed.filter((name) => name.endsWith("udpblock")),
      14,
    )
    assert.sameMembers(
      relayed.filter((name) => !name.endsWith("udpblock")),
      [
        "symaddr × symaddr",
        "symaddr × symseq",
        "symaddr × symblk",
        "symaddr × sym",
        "symseq × symblk",
        "symseq × sym",
        "symblk × sym",
        "sym × sym",
      ],
    )
  })
})

describe("the results", () => {
  it("meet the targets when everything is in time", () => {
    assert.deepStrictEqual(missed(run("no symmetric side", [outcome()])), [])
    assert.deepStrictEqual(missed(run("something happens", [outcome({ failover: 1999 })])), [])
  })

  it("miss the target that was missed, and no other", () => {
    const times = (changes: Partial<Outcome>) => missed(run("no symmetric side", [outcome(changes)]))
    assert.deepStrictEqual(times({ firstMessage: 161 }), [
      "first message, p95 of pairs and places (2 round trips)".slice(0, 40),
    ])
    assert.deepStrictEqual(times({ direct: 461 }), ["direct path, no symmetric side, p50 (2 r"])
    assert.deepStrictEqual(times({ packets: 3001 }), ["datagrams from one side in a search, the"])
    assert.deepStrictEqual(times({ problems: ["a text is lost"] }), ["trials in which the path is the one that"])
    assert.deepStrictEqual(missed(run("something happens", [outcome({ failover: 2001 })])), [
      "failover to the relay under traffic, the",
    ])
  })

  it("count a path that was never found as one that took for ever", () => {
    const slow = outcome({ direct: undefined })
    const name = "direct path, one symmetric side, p95"
    assert.deepStrictEqual(missed(run("one symmetric side", [outcome(), slow])), [name])
    assert.deepStrictEqual(
      missed(run("one symmetric side", [...Array.from({ length: 20 }, () => outcome()), slow])),
      [],
    )
  })

  it("stand on the page with what failed, and why", () => {
    const page = Report.page(
      run("two symmetric sides", [
        outcome(),
        outcome({ paths: ["relay", "relay"], direct: undefined }),
        outcome({ problems: ["bob heard 3 of 4 texts"], firstMessage: undefined }),
      ]),
    )
    assert.match(
      page,
      /^\| a place of two symmetric sides \| direct 2, relay 1 \| 0\.09 \| 0\.13 \| 0\.30 \| 20 \| FAILED 1 of 3: bob heard 3 of 4 texts \|$/m,
    )
    assert.include(page, "| two symmetric sides | 2 of 3 |")
    assert.include(page, "MISSED")
    assert.notInclude(page, "NaN")
    assert.notInclude(page, "Infinity")
  })
})
