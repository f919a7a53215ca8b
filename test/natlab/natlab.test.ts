/**
 * The built command through real NATs: server and peers are processes in a laboratory of Linux network namespaces.
 *
 * What counts here is that everybody is connected, over which kind of path, and that nothing said is lost; times belong
 * to `npm run natlab`, on a machine that does nothing else. Two laboratories run at a time.
 */
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "vitest"
import * as Laboratory from "./Laboratory.ts"
import { mishaps } from "./mishaps.ts"
import { pairs } from "./pairs.ts"
import { places } from "./places.ts"
import { built, play } from "./play.ts"
import type { Scenario } from "./Scenario.ts"

const whyNot = await Laboratory.whyNot()
if (whyNot !== undefined) console.warn(`No laboratory of NATs here: ${whyNot}. Its tests are skipped.`)

/** On a machine that does other things too. The direct path must come; how fast is not judged. Milliseconds. */
const conditions = { command: built, patience: 30_000, searchPatience: 20_000, lookOn: 300 }

const test = async (scenario: Scenario): Promise<void> => {
  const { problems, transcript } = await play(scenario, conditions)
  assert.deepStrictEqual(problems, [], transcript)
}

// Whoever relies on these tests must not be told that they passed where they could not run.
if (process.env["CI"] !== undefined) it("is there, in CI", () => assert.isUndefined(whyNot))

describe.skipIf(whyNot !== undefined)("a laboratory of NATs", () => {
  const began = performance.now()
  afterAll(() => console.log(`The laboratory took ${((performance.now() - began) / 60_000).toFixed(1)} min.`))

  it("has NATs of every kind that behave as their names say", { timeout: 120_000 }, () => {
    const { status, stdout, stderr } = spawnSync(Laboratory.python, [join(import.meta.dirname, "selftest.py")], {
      encoding: "utf8",
    })
    assert.strictEqual(status, 0, stdout + stderr)
  })

  // The long ones first, so that two run at a time to the end.
  describe.concurrent("a chat stands through", () => {
    for (const scenario of mishaps) it(scenario.name, { timeout: 180_000 }, () => test(scenario))
  })

  describe.concurrent("two people in", () => {
    for (const scenario of places) it(scenario.name, { timeout: 120_000 }, () => test(scenario))
  })

  describe.concurrent("two people behind", () => {
    for (const scenario of pairs) it(scenario.name, { timeout: 120_000 }, () => test(scenario))
  })
})
