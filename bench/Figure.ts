/**
 * A figure: what was measured of the program beside a raw floor, in turns, so that a machine that grows faster or
 * slower meanwhile does so for both.
 */

/** A median and its quartiles. */
export interface Spread {
  readonly low: number
  readonly median: number
  readonly high: number
}

/** How the program is held against its floor: `times` it, or so much `above` it. */
export type Relation = "times" | "above"

export interface Target {
  readonly bound: "at most" | "at least"
  readonly value: number
}

/** What a figure is, apart from its numbers. */
export interface Description {
  readonly id: string
  readonly name: string
  readonly unit: string
  readonly floorIs: string
  readonly relation: Relation
  readonly target?: Target
}

export interface Figure extends Description {
  readonly program: Spread
  readonly floor: Spread
  /** The program against the floor, round by round. */
  readonly compared: Spread
  readonly met?: boolean
  readonly rounds: ReadonlyArray<Round>
}

/** One measurement of each, directly after each other. */
export interface Round {
  readonly program: number
  readonly floor: number
}

export const make = (description: Description, rounds: ReadonlyArray<Round>): Figure => {
  const { relation, target } = description
  const compared = spread(
    rounds.map(({ program, floor }) => (relation === "times" ? program / floor : program - floor)),
  )
  return {
    ...description,
    program: spread(rounds.map((round) => round.program)),
    floor: spread(rounds.map((round) => round.floor)),
    compared,
    ...(target === undefined ? {} : { met: isMet(target, compared.median) }),
    rounds,
  }
}

const isMet = ({ bound, value }: Target, median: number): boolean =>
  bound === "at most" ? median <= value : median >= value

export const spread = (values: ReadonlyArray<number>): Spread => {
  const sorted = values.toSorted((a, b) => a - b)
  return { low: quantile(sorted, 0.25), median: quantile(sorted, 0.5), high: quantile(sorted, 0.75) }
}

/** @param sorted in ascending order, not empty */
export const quantile = (sorted: ArrayLike<number>, fraction: number): number => {
  const position = (sorted.length - 1) * fraction
  const below = sorted[Math.floor(position)]!
  return below + (sorted[Math.ceil(position)]! - below) * (position % 1)
}

/** Measures both in turns, after rounds that do not count: what runs often is compiled in their course. */
export const inTurns = async <A>(
  count: number,
  program: () => Promise<A>,
  floor: () => Promise<A>,
  uncounted = 1,
): Promise<ReadonlyArray<{ readonly program: A; readonly floor: A }>> => {
  const rounds: Array<{ readonly program: A; readonly floor: A }> = []
  for (let i = 0; i < uncounted + count; i++) {
    const round = { program: await program(), floor: await floor() }
    if (i >= uncounted) rounds.push(round)
  }
  return rounds
}
