/**
 * What simulations have shown: failures with the command that repeats them, and the targets of the matrix.
 */
import type * as Play from "./play.ts"
import { latencyMillis, maxPackets, type Outcome as Meeting, roundTripMillis } from "./Scenario.ts"

/** How much of what people were shown is told of a failure. */
const lastShown = 60

const failure = (
  command: string,
  { problems, shown }: { readonly problems: ReadonlyArray<string>; readonly shown: ReadonlyArray<string> },
): string =>
  [
    `npm run simulate -- ${command}`,
    ...problems.map((problem) => `  ${problem}`),
    ...shown.slice(-lastShown).map((line) => `    ${line}`),
  ].join("\n")

export const seedFailure = (outcome: Play.Outcome): string => failure(`--seed ${outcome.seed}`, outcome)

export const meetingFailure = (outcome: Meeting): string =>
  failure(`--matrix --only "${outcome.scenario.name}" --seed ${outcome.seed}`, outcome)

/** The value that so large a share does not exceed. */
export const quantile = (values: ReadonlyArray<number>, share: number): number =>
  values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(values.length * share) - 1)] ?? Number.NaN

/** By group: how soon a direct path must be there, in milliseconds. */
const targets = new Map<string, ReadonlyArray<readonly [share: number, millis: number]>>([
  [
    "no symmetric side",
    [
      [0.5, 2 * roundTripMillis + 300],
      [0.95, 1000],
    ],
  ],
  ["one symmetric side", [[0.95, 5000]]],
])

const percent = (share: number): string => `p${share * 100}`

/** What the targets say of these meetings; empty if all are met. */
export const missedTargets = (meetings: ReadonlyArray<Meeting>): ReadonlyArray<string> => {
  const missed: Array<string> = []
  const late = meetings.filter(({ connectedMillis }) => connectedMillis > 2 * roundTripMillis)
  if (late.length > 0) missed.push(`${late.length} meetings could say nothing within two round trips of the yes`)
  for (const [group, bounds] of targets) {
    const millis = meetings.flatMap(({ scenario, directMillis }) => (scenario.group === group ? [directMillis] : []))
    for (const [share, bound] of bounds) {
      const value = quantile(millis, share)
      if (value > bound) missed.push(`${group}: direct after ${value} ms (${percent(share)}), not ${bound}`)
    }
  }
  const most = Math.max(...meetings.map(({ packets }) => packets))
  if (most > maxPackets) missed.push(`${most} datagrams of one side`)
  return missed
}

/** A line for each group. */
export const summary = (meetings: ReadonlyArray<Meeting>): string => {
  const rows = [...Map.groupBy(meetings, ({ scenario }) => scenario.group)].map(([group, all]) => {
    const direct = all.map(({ directMillis }) => directMillis).filter(Number.isFinite)
    const first = all.map(({ messageMillis }) => messageMillis)
    const kinds = [...Map.groupBy(all, ({ kind }) => kind)].map(([kind, some]) => `${some.length} ${kind}`)
    const found = direct.length === 0 ? "" : `, direct p50 ${quantile(direct, 0.5)} p95 ${quantile(direct, 0.95)} ms`
    const packets = Math.max(...all.map(({ packets }) => packets))
    return `${group}: ${kinds.join(", ")}; first text p50 ${quantile(first, 0.5)} p95 ${quantile(first, 0.95)} ms${found}; at most ${packets} datagrams a side`
  })
  return [`Since the yes, ${latencyMillis} ms one way:`, ...rows].join("\n  ")
}
