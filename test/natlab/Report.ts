/**
 * The results of a run, as the tables of `docs/nat-results.md`, and whether the targets are met.
 */
import type { Group, Scenario } from "./Scenario.ts"
import { type Outcome, packetLimit } from "./play.ts"

export interface Result {
  readonly scenario: Scenario
  readonly trials: ReadonlyArray<Outcome>
}

export interface Run {
  readonly results: ReadonlyArray<Result>
  /** One way, on each side's line. Milliseconds. */
  readonly delay: number
  readonly trials: number
  /** What it ran on, in words. */
  readonly machine: string
  /** The day, as in 2026-11-24. */
  readonly date: string
}

/** @param values in any order; nothing of nothing */
const quantile = (values: ReadonlyArray<number>, fraction: number): number | undefined =>
  values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(values.length * fraction) - 1)]

const present = (values: ReadonlyArray<number | undefined>): ReadonlyArray<number> =>
  values.filter((value) => value !== undefined)

const seconds = (millis: number | undefined): string => (millis === undefined ? "-" : (millis / 1000).toFixed(2))

/** A target of the whole run: what was measured, what is wanted. */
export interface Target {
  readonly name: string
  readonly measured: string
  readonly wanted: string
  readonly met: boolean
}

export const targets = ({ results, delay }: Run): ReadonlyArray<Target> => {
  const roundTrip = 4 * delay
  const all = results.flatMap(({ scenario, trials }) => trials.map((trial) => ({ scenario, trial })))
  const of = (group: Group) => all.filter(({ scenario }) => scenario.group === group).map(({ trial }) => trial)
  // Where packets are dropped on purpose the link's own TCP waits for them.
  const first = present(
    all.filter(({ scenario }) => scenario.group !== "something happens").map((_) => _.trial.firstMessage),
  )
  const failovers = present(all.map(({ trial }) => trial.failover))
  const problems = all.filter(({ trial }) => trial.problems.length > 0)

  const time = (name: string, measured: number | undefined, limit: number): ReadonlyArray<Target> =>
    measured === undefined
      ? []
      : [{ name, measured: `${seconds(measured)} s`, wanted: `at most ${seconds(limit)} s`, met: measured <= limit }]
  /** A trial that never came to a direct path took for ever. */
  const direct = (group: Group, fraction: number) =>
    quantile(
      of(group).map((trial) => trial.direct ?? Infinity),
      fraction,
    )
  return [
    ...time("first message, p95 of pairs and places (2 round trips)", quantile(first, 0.95), 2 * roundTrip),
    ...time(
      "direct path, no symmetric side, p50 (2 round trips + 300 ms)",
      direct("no symmetric side", 0.5),
      2 * roundTrip + 300,
    ),
    ...time("direct path, no symmetric side, p95", direct("no symmetric side", 0.95), 1000),
    ...time("direct path, one symmetric side, p95", direct("one symmetric side", 0.95), 5000),
    ...time("failover to the relay under traffic, the longest", quantile(failovers, 1), 2000),
    {
      name: "datagrams from one side in a search, the most",
      measured: String(Math.max(...all.map(({ trial }) => trial.packets))),
      wanted: `at most ${packetLimit}`,
      met: all.every(({ trial }) => trial.packets <= packetLimit),
    },
    {
      name: "trials in which the path is the one that must be, and every text came once and in order",
      measured: `${all.length - problems.length} of ${all.length}`,
      wanted: "all",
      met: problems.length === 0,
    },
  ]
}

const row = (cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |`
const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [row(head), row(head.map(() => "---")), ...rows.map(row)].join("\n")

/** How often the chat ended on what, as in `direct` or `relay 3, direct 2`. */
const pathWords = (trials: ReadonlyArray<Outcome>): string => {
  const counts = new Map<string, number>()
  for (const { paths } of trials) {
    const words = [...new Set(paths)].join(" and ")
    counts.set(words, (counts.get(words) ?? 0) + 1)
  }
  if (counts.size === 1) return [...counts.keys()].join("")
  return [...counts].map(([words, count]) => `${words} ${count}`).join(", ")
}

const resultRow = ({ scenario, trials }: Result): ReadonlyArray<string> => {
  const failed = trials.filter(({ problems }) => problems.length > 0)
  const median = (pick: (trial: Outcome) => number | undefined) => seconds(quantile(present(trials.map(pick)), 0.5))
  return [
    scenario.name,
    pathWords(trials),
    median(({ firstMessage }) => firstMessage),
    median(({ bothHeard }) => bothHeard),
    median(({ direct }) => direct),
    String(Math.max(...trials.map(({ packets }) => packets))),
    failed.length === 0 ? "" : `FAILED ${failed.length} of ${trials.length}: ${failed[0]?.problems[0] ?? ""}`,
  ]
}

const head = ["", "path", "first message", "both heard", "direct path", "datagrams", ""]

const groups: ReadonlyArray<readonly [Group, string]> = [
  ["no symmetric side", "Pairs without a symmetric side"],
  ["one symmetric side", "Pairs with one symmetric side"],
  ["two symmetric sides", "Pairs of two symmetric sides"],
  ["UDP blocked", "Pairs where UDP is blocked"],
  ["special places", "Special places"],
  ["something happens", "Something happens during the chat"],
]

/** The whole page, as Markdown. */
export const page = (run: Run): string => {
  const { date, delay, machine, results, trials } = run
  const summary = groups.flatMap(([group]) => {
    const all = results.filter(({ scenario }) => scenario.group === group).flatMap((_) => _.trials)
    const direct = present(all.map((trial) => trial.direct))
    if (all.length === 0) return []
    const first = present(all.map(({ firstMessage }) => firstMessage))
    const quantiles = (values: ReadonlyArray<number>) =>
      [0.5, 0.95].map((fraction) => seconds(quantile(values, fraction))).join(" / ")
    return [[group, `${direct.length} of ${all.length}`, quantiles(first), quantiles(direct)]]
  })
  const sections = groups.flatMap(([group, title]) => {
    const rows = results.filter(({ scenario }) => scenario.group === group).map(resultRow)
    return rows.length === 0 ? [] : [`## ${title}\n\n${table(head, rows)}`]
  })
  return `# Through every NAT: results

Written by \`npm run natlab -- --trials ${trials}\` on ${date}, on ${machine}, one laboratory at a time.

The built command, server and both peers as processes of their own, in Linux network namespaces with real NATs
(\`test/natlab\`). Each side's line to the public network is ${delay} ms long, so that a round trip between the two takes
${4 * delay} ms, through the server or past it. Times are seconds from the moment at which the call was accepted; in the
tables of pairs they are medians. *First message*: somebody has read a text of the other's; *both heard*: each has.
*Direct path*: both sides send past the server. *Datagrams*: what either side sent until its search was over, the most of
all trials. The kinds of NAT are described in \`test/natlab/natlab.py\`; \`cgn\` is a home behind a carrier's NAT.

## Targets

${table(
  ["", "measured", "target", ""],
  targets(run).map(({ measured, met, name, wanted }) => [name, measured, wanted, met ? "met" : "MISSED"]),
)}

${table(["", "found a direct path", "first message, p50 / p95", "direct path, p50 / p95"], summary)}

${sections.join("\n\n")}
`
}
