/**
 * The promise of a chat, for a range of seeds; files share the thousand so that two workers play them.
 */
import { assert, describe, it } from "vitest"
import { playSeed } from "./play.ts"
import * as report from "./report.ts"

const seedsAtATime = 50

/** Real time for so many seeds, in milliseconds: far more than they take. */
const patience = 180_000

export const promise = (from: number, to: number): void => {
  describe("what two whole peers say arrives, once and in order, whatever the network does", () => {
    for (let first = from; first <= to; first += seedsAtATime) {
      const last = Math.min(to, first + seedsAtATime - 1)
      it(`with the seeds ${first} to ${last}`, { timeout: patience }, async () => {
        for (let seed = first; seed <= last; seed++) {
          const outcome = await playSeed(seed)
          if (outcome.problems.length > 0) assert.fail(report.seedFailure(outcome))
        }
      })
    }
  })
}
