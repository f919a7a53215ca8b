/**
 * More simulations than `npm test` plays: `npm run simulate`.
 *
 *     npm run simulate -- --seeds 10000               these seeds, from 1 on
 *     npm run simulate -- --seeds 1000 --from 5000
 *     npm run simulate -- --seed 4711                 one seed, and what both people were shown
 *     npm run simulate -- --matrix --seeds 200        every pair of NATs, and special places, with so many seeds each
 *     npm run simulate -- --matrix --only "sym × portrestr"
 *
 *     --jobs N      so many at a time (default: the processors there are)
 *
 * Ends with 0 only if every promise was kept, and of the matrix all targets met.
 */
import { fork } from "node:child_process"
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import { pairs, places } from "./matrix.ts"
import * as Plan from "./Plan.ts"
import { type Outcome as Played, playSeed } from "./play.ts"
import * as report from "./report.ts"
import { type Outcome as Meeting, play, type Scenario } from "./Scenario.ts"

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    matrix: { type: "boolean", default: false },
    only: { type: "string" },
    jobs: { type: "string", default: String(availableParallelism()) },
  },
})

const number = (name: "seed" | "seeds" | "from" | "jobs"): number => {
  const value = Number(values[name])
  if (Number.isSafeInteger(value) && value >= 1 && value < 2 ** 31) return value
  console.error(`--${name} is a whole number from 1 on.`)
  return process.exit(2)
}
const isOne = values.seed !== undefined
const [first, count] = isOne ? [number("seed"), 1] : [number("from"), number("seeds")]
const scenarios = [...pairs, ...places].filter(({ name }) => values.only === undefined || name.includes(values.only))
if (scenarios.length === 0) {
  console.error(`No pair and no place is called ${values.only}.`)
  process.exit(2)
}

/** So many failures are told in full. */
const maxTold = 10

/** A seed, of a scenario of the matrix or with a plan of its own. */
interface Job {
  readonly seed: number
  readonly scenario?: string
}

interface Done {
  readonly played?: Played
  /** Without the scenario, which does not leave its process. */
  readonly met?: Omit<Meeting, "scenario"> & { readonly name: string }
}

const scenarioOf = (name: string): Scenario => scenarios.find((scenario) => scenario.name === name)!

const perform = async ({ seed, scenario }: Job): Promise<Done> => {
  if (scenario === undefined) return { played: await playSeed(seed) }
  const { scenario: of, ...met } = await play(scenarioOf(scenario), seed)
  return { met: { ...met, name: of.name } }
}

/** A process of its own for each processor: each asks for the next job when it has done one. */
const performAll = (jobs: ReadonlyArray<Job>, onDone: (done: Done) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    let next = 0
    let running = 0
    const workers = Math.min(number("jobs"), jobs.length)
    for (let i = 0; i < workers; i++) {
      const worker = fork(import.meta.filename, process.argv.slice(2), { serialization: "advanced" })
      running++
      const give = (): void => void (next < jobs.length ? worker.send(jobs[next++]!) : worker.disconnect())
      worker.on("message", (done: Done | "ready") => {
        if (done !== "ready") onDone(done)
        give()
      })
      worker.on("exit", (code) => {
        if (code !== 0) return reject(new Error(`a process ended with ${code}`))
        if (--running === 0) resolve()
      })
    }
  })

if (process.send !== undefined) {
  process.on("message", async (job: Job) => void process.send!(await perform(job)))
  process.send("ready")
} else {
  const seeds = Array.from({ length: count }, (_, i) => first + i)
  const jobs: ReadonlyArray<Job> = values.matrix
    ? scenarios.flatMap(({ name }) => seeds.map((seed) => ({ seed, scenario: name })))
    : seeds.map((seed) => ({ seed }))
  const meetings: Array<Meeting> = []
  const played: Array<Played> = []
  let failures = 0
  const fail = (text: string): void => {
    failures++
    // Of the others the command is told that repeats them.
    console.log(failures <= maxTold ? text : text.split("\n", 1)[0])
  }
  const onDone = ({ played: one, met }: Done): void => {
    if (one !== undefined) {
      played.push(one)
      if (one.problems.length > 0) fail(report.seedFailure(one))
      else if (isOne) console.log([JSON.stringify(Plan.of(one.seed), undefined, 2), ...one.shown].join("\n"))
    }
    if (met !== undefined) {
      const meeting = { ...met, scenario: scenarioOf(met.name) }
      meetings.push(meeting)
      if (meeting.problems.length > 0) fail(report.meetingFailure(meeting))
      else if (isOne) console.log(meeting.shown.join("\n"))
    }
  }
  // One alone needs no other process.
  await (jobs.length === 1 ? perform(jobs[0]!).then(onDone) : performAll(jobs, onDone))
  if (meetings.length > 0) {
    console.log(report.summary(meetings))
    if (values.only === undefined) report.missedTargets(meetings).forEach(fail)
  } else {
    const settled = played.map(({ millis }) => Math.round(millis))
    const [p50, p95, most] = [0.5, 0.95, 1].map((share) => report.quantile(settled, share))
    const slowest = played.find(({ millis }) => Math.round(millis) === most)?.seed
    console.log(
      `Without a disturbance, all is delivered after p50 ${p50}, p95 ${p95} ms; at most ${most} (seed ${slowest}).`,
    )
  }
  console.log(`${jobs.length} simulations, ${failures} failures.`)
  process.exitCode = failures === 0 ? 0 : 1
}
