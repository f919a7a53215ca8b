/**
 * Every pair of NATs connects, by the best path there can be, soon, and without flooding anybody.
 */
import { afterAll, assert, describe, it } from "vitest"
import { kinds } from "../natlab/pairs.ts"
import { pairs, places } from "./matrix.ts"
import * as report from "./report.ts"
import { type Outcome, play, type Scenario } from "./Scenario.ts"

const seeds = [1, 2, 3]

/** Real time for the pairs of one kind, in milliseconds. */
const patience = 60_000

const meetings: Array<Outcome> = []

const meet = async (scenarios: ReadonlyArray<Scenario>): Promise<void> => {
  for (const scenario of scenarios) {
    for (const seed of seeds) {
      const outcome = await play(scenario, seed)
      if (outcome.problems.length > 0) assert.fail(report.meetingFailure(outcome))
      meetings.push(outcome)
    }
  }
}

describe("two whole peers connect and talk, directly wherever that can be", { timeout: patience }, () => {
  let rest = pairs
  for (const kind of kinds) {
    const mine = rest.filter(({ name }) => name.startsWith(`${kind} × `))
    rest = rest.filter((scenario) => !mine.includes(scenario))
    it(`behind ${kind} and each of ${mine.length} kinds`, () => meet(mine))
  }
  for (const scenario of places) it(`in special places: ${scenario.name}`, () => meet([scenario]))

  it("soon, and with few datagrams", () => {
    assert.strictEqual(meetings.length, seeds.length * (105 + places.length))
    assert.deepEqual(report.missedTargets(meetings), [])
  })

  afterAll(() => console.log(report.summary(meetings)))
})
