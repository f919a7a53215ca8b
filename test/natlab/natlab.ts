/**
 * The table of results: every scenario, one laboratory at a time, with times: `npm run natlab`.
 *
 *     npm run natlab                             everything once
 *     npm run natlab -- --trials 5               everything five times, and writes docs/nat-results.md
 *     npm run natlab -- --only sym×portrestr     only this pair, or whatever has these words in its name; writes nothing
 *
 *     --delay MS         one way on each side's line (default 20)
 *     --command FILE     the command to run (default dist/nomitm.mjs)
 *     --out FILE         where to write the page
 *
 * Ends with 0 only if all targets are met.
 */
import { writeFile } from "node:fs/promises"
import { cpus } from "node:os"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { root } from "../../scripts/bundle.ts"
import * as Laboratory from "./Laboratory.ts"
import { mishaps } from "./mishaps.ts"
import { pairs } from "./pairs.ts"
import { places } from "./places.ts"
import { built, type Outcome, play } from "./play.ts"
import * as Report from "./Report.ts"
import type { Scenario } from "./Scenario.ts"

const { values } = parseArgs({
  options: {
    trials: { type: "string" },
    only: { type: "string" },
    delay: { type: "string", default: "20" },
    command: { type: "string", default: built },
    out: { type: "string" },
  },
})

const number = (name: "trials" | "delay"): number => {
  const value = Number(values[name] ?? 1)
  if (Number.isSafeInteger(value) && value >= 1 && value <= 1000) return value
  console.error(`--${name} is a whole number from 1 to 1000.`)
  return process.exit(2)
}
const [trials, delay] = [number("trials"), number("delay")]

/** `a×b` and `b×a` are one pair; anything else is a part of names. */
const isChosen = ({ name }: Scenario): boolean => {
  const [a, b] = values.only?.split(/\s*[×*]\s*/) ?? []
  if (a === undefined) return true
  return b === undefined ? name.includes(a) : name === `${a} × ${b}` || name === `${b} × ${a}`
}

// What was built goes as this process exits.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130))

const whyNot = await Laboratory.whyNot()
if (whyNot !== undefined) {
  console.error(`No laboratory of NATs here: ${whyNot}.`)
  process.exit(2)
}
const scenarios = [...pairs, ...places, ...mishaps].filter(isChosen)
if (scenarios.length === 0) {
  console.error(`No scenario is called ${values.only}.`)
  process.exit(2)
}

const conditions = { command: resolve(values.command), delay, patience: 20_000, searchPatience: 15_000, lookOn: 8000 }
const line = ({ name }: Scenario, { bothHeard, direct, failover, firstMessage, packets, paths, problems }: Outcome) => {
  const time = (what: string, millis: number | undefined) =>
    millis === undefined ? "" : ` ${what} ${(millis / 1000).toFixed(2)} s`
  const times = [
    time("first message", firstMessage),
    time("both heard", bothHeard),
    time("direct", direct),
    time("failover", failover),
  ]
  const path = [...new Set(paths)].join(" and ")
  return `${name.padEnd(28)} ${path.padEnd(7)}${times.join("")} ${packets} datagrams${problems.map((_) => `\n  FAILED: ${_}`).join("")}`
}

// Each once, then each again: a machine that is busy for a minute then spoils one trial of many, not all of one.
const results = scenarios.map((scenario) => ({ scenario, trials: [] as Array<Outcome> }))
for (let trial = 0; trial < trials; trial++) {
  for (const { scenario, trials } of results) {
    const outcome = await play(scenario, conditions)
    trials.push(outcome)
    console.log(line(scenario, outcome))
    if (outcome.transcript !== "") console.log(outcome.transcript)
  }
}

const run: Report.Run = {
  results,
  delay,
  trials,
  machine: `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}, Node ${process.version}`,
  date: new Date().toISOString().slice(0, 10),
}
const targets = Report.targets(run)
console.log()
for (const { measured, met, name, wanted } of targets) {
  console.log(`${met ? "met   " : "MISSED"}  ${name}: ${measured}, ${wanted}`)
}
const isWhole = values.only === undefined && values.trials !== undefined
const out = values.out ?? (isWhole ? join(root, "docs/nat-results.md") : undefined)
if (out !== undefined) await writeFile(out, Report.page(run))
process.exit(targets.every(({ met }) => met) ? 0 : 1)
