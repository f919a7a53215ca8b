/**
 * Connectivity checks (RFC 8445, section 7): which pairs of a socket of ours and an endpoint of the other side are tried,
 * and when.
 *
 * The first record to an endpoint goes out with a low hop limit: it opens our NAT, and dies before it reaches the other
 * one, which might take an early record for itself and the port away from its own side. Values.
 */
import * as Path from "./Path.ts"

/** So many hops an opener may take: past a home's router and a carrier's. */
export const openerHops = 4
/** The first record that is to arrive follows the opener after this at least, in milliseconds. */
export const openerMillis = 100
/** The pause between two checks of one pair, in milliseconds. */
export const checkMillis = 250
/** The pause between the first checks of two pairs, in milliseconds. */
export const paceMillis = 5
/** The same for predicted endpoints: nothing else may come between. */
export const predictedPaceMillis = 1
/** So many pairs are checked at most: a search's candidates, and where records came from. */
export const maxPairs = 32

export interface Pair {
  readonly path: Path.Direct
  /** When the next check is due, in milliseconds. */
  readonly nextAt: number
  readonly sent: number
  /** How many checks there are in all. */
  readonly most: number
  readonly hasOpener: boolean
}

export interface Checks {
  readonly pairs: ReadonlyArray<Pair>
  /** When the first check of the next pair may be. */
  readonly freeAt: number
  /** How long after its opener the next record follows, in milliseconds. */
  readonly openerMillis: number
}

export const none: Checks = { pairs: [], freeAt: -Infinity, openerMillis }

export interface Wanted {
  readonly path: Path.Direct
  readonly most: number
  readonly hasOpener: boolean
  readonly pace: number
}

/** Pairs to check too; those that are already there, or were, stay as they are. */
export const add = (checks: Checks, wanted: ReadonlyArray<Wanted>, now: number): Checks => {
  const pairs = [...checks.pairs]
  let freeAt = Math.max(checks.freeAt, now)
  for (const { path, most, hasOpener, pace } of wanted) {
    if (pairs.length >= maxPairs || pairs.some((pair) => Path.equals(pair.path, path))) continue
    pairs.push({ path, nextAt: freeAt, sent: 0, most, hasOpener })
    freeAt += pace
  }
  return { ...checks, pairs, freeAt }
}

/** Whether a pair is being checked; none if it never was. */
export const isChecking = ({ pairs }: Checks, path: Path.Direct): boolean | undefined => {
  const pair = pairs.find((it) => Path.equals(it.path, path))
  return pair && pair.nextAt !== Infinity
}

/** Such a pair is checked again, if it is there and was given up. */
export const renew = (checks: Checks, { path, most }: Wanted, now: number): Checks => ({
  ...checks,
  pairs: checks.pairs.map((pair) =>
    pair.nextAt === Infinity && Path.equals(pair.path, path)
      ? { ...pair, nextAt: now, most: Math.max(pair.sent, 1) + most }
      : pair,
  ),
})

/** Keeps to these pairs; the others get no more checks. */
export const only = (checks: Checks, isWanted: (path: Path.Direct) => boolean): Checks => ({
  ...checks,
  pairs: checks.pairs.map((pair) => (isWanted(pair.path) ? pair : { ...pair, nextAt: Infinity })),
})

export interface Check {
  readonly path: Path.Direct
  readonly ttl?: number
}

/** What is due, in order, at most so many. */
export const due = (checks: Checks, now: number, most: number): readonly [Checks, ReadonlyArray<Check>] => {
  if (dueAt(checks) > now) return [checks, []]
  const sent = new Map<Pair, Check>()
  for (const pair of checks.pairs.toSorted((a, b) => a.nextAt - b.nextAt)) {
    if (pair.nextAt > now || sent.size >= most) break
    const isOpener = pair.hasOpener && pair.sent === 0
    sent.set(pair, isOpener ? { path: pair.path, ttl: openerHops } : { path: pair.path })
  }
  const pairs = checks.pairs.map((pair) => (sent.has(pair) ? after(checks, pair, now) : pair))
  return [{ ...checks, pairs }, [...sent.values()]]
}

/** Each pair keeps to its own beat, so that what was spread stays spread; only a long sleep is not made up for. */
const after = ({ openerMillis }: Checks, pair: Pair, now: number): Pair => {
  const sent = pair.sent + 1
  const pause = pair.hasOpener && pair.sent === 0 ? openerMillis : checkMillis
  const nextAt = now - pair.nextAt > checkMillis ? now + pause : pair.nextAt + pause
  return { ...pair, sent, nextAt: sent >= pair.most ? Infinity : nextAt }
}

export const dueAt = ({ pairs }: Checks): number => pairs.reduce((at, pair) => Math.min(at, pair.nextAt), Infinity)

/** How many pairs got a check. */
export const tried = ({ pairs }: Checks): number => pairs.filter(({ sent }) => sent > 0).length
