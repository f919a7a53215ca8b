/**
 * How often somebody calls, or is called: at most so many times in any minute. Refused ones do not count.
 */
export const windowMillis = 60_000

/** When the last ones were, oldest first, in milliseconds: no more than are allowed in a window. */
export type CallRate = ReadonlyArray<number>

export const initial: CallRate = []

/** Notes one more at `now`, or answers `undefined` if that would be more than `most` in a window. */
export const take = (rate: CallRate, most: number, now: number): CallRate | undefined =>
  rate.length < most || now - rate[rate.length - most]! >= windowMillis
    ? [...rate.slice(Math.max(0, rate.length - most + 1)), now]
    : undefined

/** Whether it can be forgotten. */
export const isOver = (rate: CallRate, now: number): boolean =>
  rate.length === 0 || now - rate[rate.length - 1]! >= windowMillis
