/**
 * Cuts a stream of bytes into lines of bounded length (PROTOCOL.md, section 3).
 *
 * A line ends in LF, CR or CR LF. A line longer than `maxBytes` is reported once as too long and skipped up to its end:
 * whatever is sent, no more than `maxBytes` bytes are ever kept.
 */

/** The longest line either side accepts, in bytes without its line end. */
export const maxLineBytes = 4096

/** A complete line, or the news that one was too long. */
export type Line = { readonly _tag: "Line"; readonly text: string } | { readonly _tag: "TooLong" }

const tooLong: Line = { _tag: "TooLong" }
const LF = 10
const CR = 13

/** Invalid UTF-8 becomes U+FFFD, which no name, code word or number contains. */
const decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true })

/** What is known between two chunks. */
export interface State {
  /** The unfinished line, at most `maxBytes` bytes. */
  readonly rest: Uint8Array
  /** The rest of a line that was reported as too long is being skipped. */
  readonly skipping: boolean
  /** The last byte was CR: an LF that follows belongs to it. */
  readonly afterCR: boolean
}

const empty = new Uint8Array(0)

export const initial: State = { rest: empty, skipping: false, afterCR: false }

/**
 * Takes in one chunk.
 *
 * @param state from the chunk before, or `initial`
 * @param chunk any bytes; not kept
 * @returns the state to go on with and the lines completed by this chunk, in order
 */
export const push = (
  state: State,
  chunk: Uint8Array,
  maxBytes = maxLineBytes,
): readonly [State, ReadonlyArray<Line>] => {
  const lines: Array<Line> = []
  let { rest, skipping, afterCR } = state
  let start = 0
  for (let i = 0; i < chunk.length; i++) {
    const byte = chunk[i]!
    if (byte !== LF && byte !== CR) {
      afterCR = false
      continue
    }
    if (byte === LF && afterCR) {
      afterCR = false
      start = i + 1
      continue
    }
    afterCR = byte === CR
    if (skipping) skipping = false
    else lines.push(rest.length + i - start > maxBytes ? tooLong : { _tag: "Line", text: join(rest, chunk, start, i) })
    rest = empty
    start = i + 1
  }
  if (start < chunk.length && !skipping) {
    if (rest.length + chunk.length - start > maxBytes) {
      lines.push(tooLong)
      skipping = true
      rest = empty
    } else {
      const longer = new Uint8Array(rest.length + chunk.length - start)
      longer.set(rest)
      longer.set(chunk.subarray(start), rest.length)
      rest = longer
    }
  }
  return [{ rest, skipping, afterCR }, lines]
}

/** The last line of a stream that ended without a line end, if there is one. */
export const end = (state: State): ReadonlyArray<Line> =>
  state.rest.length === 0 ? [] : [{ _tag: "Line", text: decoder.decode(state.rest) }]

const join = (rest: Uint8Array, chunk: Uint8Array, start: number, end: number): string => {
  if (rest.length === 0) return decoder.decode(chunk.subarray(start, end))
  const whole = new Uint8Array(rest.length + end - start)
  whole.set(rest)
  whole.set(chunk.subarray(start, end), rest.length)
  return decoder.decode(whole)
}
