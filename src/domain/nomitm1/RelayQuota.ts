/**
 * What a server relays (PROTOCOL.md, section 14.3): so many bytes a second for each id, on however many connections it is
 * there, and so many for all together.
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import type { PersonId } from "../identity/PersonId.ts"
import * as TokenBucket from "../TokenBucket.ts"

/** Both in bytes. */
export interface Limits {
  readonly perUser: TokenBucket.Limit
  readonly total: TokenBucket.Limit
}

/** A record counts as so many bytes at least: carrying a small one takes as long as carrying this. */
export const leastBytes = 256
/** How often what is remembered of ids that use nothing is thrown away, in milliseconds. */
export const sweepMillis = 10_000

export interface State {
  /** Of ids that have not got everything back yet. Kept beyond their connections: reconnecting gives nothing back. */
  readonly users: HashMap.HashMap<PersonId, TokenBucket.State>
  readonly total: TokenBucket.State
  readonly sweptAt: number
}

/** @param now in milliseconds */
export const initial = (limits: Limits, now: number): State => ({
  users: HashMap.empty(),
  total: TokenBucket.initial(limits.total, now),
  sweptAt: now,
})

/** `UserOver`: this id has had its share, nothing was counted. `TotalOver`: all together have; it counts for the id. */
export type Verdict = "Within" | "UserOver" | "TotalOver"

/** Counts one record of so many bytes that somebody wants relayed. */
export const take = (
  limits: Limits,
  state: State,
  id: PersonId,
  length: number,
  now: number,
): readonly [State, Verdict] => {
  const current = now - state.sweptAt < sweepMillis ? state : swept(limits, state, now)
  const count = Math.max(length, leastBytes)
  const before = Option.getOrElse(HashMap.get(current.users, id), () => TokenBucket.initial(limits.perUser, now))
  const after = TokenBucket.tryTake(limits.perUser, before, count, now)
  if (after === undefined) return [current, "UserOver"]
  const users = HashMap.set(current.users, id, after)
  const total = TokenBucket.tryTake(limits.total, current.total, count, now)
  return total === undefined ? [{ ...current, users }, "TotalOver"] : [{ ...current, users, total }, "Within"]
}

const swept = (limits: Limits, state: State, now: number): State => ({
  ...state,
  sweptAt: now,
  users: HashMap.filter(state.users, (bucket) => !TokenBucket.isFull(limits.perUser, bucket, now)),
})
