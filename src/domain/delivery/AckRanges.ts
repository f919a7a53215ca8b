/**
 * The counters of records that came: ranges, the highest first, apart from each other (RFC 9000, section 13.2.3).
 *
 * A list as a value: what comes in order makes one new range and leaves the others where they are.
 */
import { maxAckRanges, type AckRange } from "../record/Frame.ts"

export interface AckRanges extends AckRange {
  readonly rest: AckRanges | undefined
  /** How many ranges there are, this one included. */
  readonly size: number
}

const make = (first: number, last: number, rest: AckRanges | undefined): AckRanges => ({
  first,
  last,
  rest,
  size: rest === undefined ? 1 : rest.size + 1,
})

/** With one counter more. When there are too many ranges the lowest is forgotten. */
export const add = (ranges: AckRanges | undefined, counter: number): AckRanges => {
  const added = insert(ranges, counter)
  return added.size > maxAckRanges ? ofAll(toArray(added, maxAckRanges)) : added
}

const insert = (ranges: AckRanges | undefined, counter: number): AckRanges => {
  if (ranges === undefined || counter > ranges.last + 1) return make(counter, counter, ranges)
  const { first, last, rest } = ranges
  if (counter === last + 1) return make(first, counter, rest)
  if (counter >= first) return ranges
  if (counter < first - 1) {
    const below = insert(rest, counter)
    return below === rest ? ranges : make(first, last, below)
  }
  // It touches this one, and may close the gap to the next.
  return rest?.last === counter - 1 ? make(rest.first, last, rest.rest) : make(counter, last, rest)
}

export const includes = (ranges: AckRanges | undefined, counter: number): boolean => {
  for (let range = ranges; range !== undefined; range = range.rest) {
    if (counter > range.last) return false
    if (counter >= range.first) return true
  }
  return false
}

/** Without what is not above a counter. */
export const above = (ranges: AckRanges | undefined, counter: number): AckRanges | undefined => {
  if (ranges === undefined || ranges.last <= counter) return undefined
  const rest = above(ranges.rest, counter)
  const first = Math.max(ranges.first, counter + 1)
  return rest === ranges.rest && first === ranges.first ? ranges : make(first, ranges.last, rest)
}

/** The highest ranges, at most so many. */
export const toArray = (ranges: AckRanges | undefined, most: number): ReadonlyArray<AckRange> => {
  if (ranges === undefined || most <= 0) return []
  // Nearly always there is one.
  const array: Array<AckRange> = [{ first: ranges.first, last: ranges.last }]
  for (let range = ranges.rest; range !== undefined && array.length < most; range = range.rest) {
    array.push({ first: range.first, last: range.last })
  }
  return array
}

const ofAll = (array: ReadonlyArray<AckRange>): AckRanges =>
  array.reduceRight<AckRanges | undefined>((rest, { first, last }) => make(first, last, rest), undefined)!

/** Whether ranges of an acknowledgement are such: the highest first, apart, none the wrong way round. */
export const areRanges = (ranges: ReadonlyArray<AckRange>): boolean =>
  ranges.length <= maxAckRanges &&
  ranges.every(({ first, last }, i) => first <= last && (i === 0 || last + 1 < ranges[i - 1]!.first))
