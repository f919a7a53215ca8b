/**
 * A rate limit: so many at once, so many a second after that. Who takes more has to wait, nothing is refused.
 */
export interface Limit {
  /** How many may be taken at once. */
  readonly burst: number
  /** How many are given back a second. */
  readonly perSecond: number
}

export interface State {
  /** What is left; below zero it is a debt that has to be waited for. */
  readonly tokens: number
  /** When `tokens` was right, in milliseconds. */
  readonly at: number
}

export const initial = (limit: Limit, now: number): State => ({ tokens: limit.burst, at: now })

/**
 * Takes `count`, at once or in debt.
 *
 * @returns the new state and how long to wait before going on, in milliseconds
 */
export const take = (limit: Limit, state: State, count: number, now: number): readonly [State, number] => {
  const earned = (Math.max(0, now - state.at) / 1000) * limit.perSecond
  const tokens = Math.min(limit.burst, state.tokens + earned) - count
  return [{ tokens, at: now }, tokens >= 0 ? 0 : Math.ceil((-tokens / limit.perSecond) * 1000)]
}

/** Takes `count` if they are there; none, and nothing is taken, if not. */
export const tryTake = (limit: Limit, state: State, count: number, now: number): State | undefined => {
  const [next] = take(limit, state, count, now)
  return next.tokens < 0 ? undefined : next
}

/** Whether all is given back: the state says no more than a new one would. */
export const isFull = (limit: Limit, state: State, now: number): boolean =>
  take(limit, state, 0, now)[0].tokens >= limit.burst
