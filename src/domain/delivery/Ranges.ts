/** Pieces of a stream: in ascending order, apart from each other. Values. */

export interface Range {
  /** The offset of the first byte. */
  readonly start: number
  /** The offset behind the last one. */
  readonly end: number
}

export type Ranges = ReadonlyArray<Range>

export const none: Ranges = []

/** With all from `start` to `end`. */
export const add = (ranges: Ranges, start: number, end: number): Ranges => {
  if (start >= end) return ranges
  if (ranges.length === 0) return [{ start, end }]
  const added: Array<Range> = []
  let whole: Range = { start, end }
  let isIn = false
  for (const range of ranges) {
    if (range.end < whole.start) added.push(range)
    else if (range.start > whole.end) {
      if (!isIn) added.push(whole)
      isIn = true
      added.push(range)
    } else whole = { start: Math.min(whole.start, range.start), end: Math.max(whole.end, range.end) }
  }
  if (!isIn) added.push(whole)
  return added
}

/** Without all from `start` to `end`. */
export const subtract = (ranges: Ranges, start: number, end: number): Ranges => {
  if (start >= end || ranges.length === 0) return ranges
  const left: Array<Range> = []
  for (const range of ranges) {
    if (range.end <= start || range.start >= end) {
      left.push(range)
      continue
    }
    if (range.start < start) left.push({ start: range.start, end: start })
    if (range.end > end) left.push({ start: end, end: range.end })
  }
  return left
}
