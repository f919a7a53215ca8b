/**
 * Standard input as lines and standard output with back pressure: what the screens without a terminal share.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type { Readable, Writable } from "node:stream"
import * as LineSplitter from "../../domain/LineSplitter.ts"

/** The longest line of input, in bytes. */
const maxLineBytes = 64 * 1024
/** How many lines may wait to be carried out before the input has to wait. */
const waitingLines = 256

/** The lines of a stream, read only as fast as they are taken. Starts to read at the first. */
export const readLines = Effect.fnUntraced(function* (input: Readable) {
  const lines = yield* Queue.unbounded<LineSplitter.Line, Cause.Done>()
  let splitter = LineSplitter.initial
  const onData = (chunk: Uint8Array): void => {
    const [next, complete] = LineSplitter.push(splitter, chunk, maxLineBytes)
    splitter = next
    Queue.offerAllUnsafe(lines, complete)
    if (Queue.sizeUnsafe(lines) > waitingLines) input.pause()
  }
  const onEnd = (): void => {
    Queue.offerAllUnsafe(lines, LineSplitter.end(splitter))
    splitter = LineSplitter.initial
    Queue.endUnsafe(lines)
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      input.on("data", onData)
      input.on("end", onEnd)
      input.on("error", onEnd)
      input.on("close", onEnd)
    }),
    () =>
      Effect.sync(() => {
        input.off("data", onData)
        input.off("end", onEnd)
        // An error may still come; it means nothing any more.
        input.pause()
      }),
  )
  return Effect.suspend(() => {
    if (Queue.sizeUnsafe(lines) === 0 && input.isPaused()) input.resume()
    return Queue.take(lines)
  })
})

/** The width of the terminal that a stream is, or nothing if it is none. A terminal of unknown width has 80 columns. */
export const columns = (
  output: Writable & { readonly isTTY?: boolean; readonly columns?: number },
): number | undefined => (output.isTTY ? output.columns || 80 : undefined)

/** Writes text and waits until it is taken. A reader that is gone takes everything. */
export const writer = (output: Writable): Effect.Effect<(text: string) => Effect.Effect<void>, never, Scope.Scope> =>
  Effect.sync(() => {
    let gone = false
    output.on("error", () => {
      gone = true
    })
    return (text) =>
      Effect.callback<void>((resume) => {
        if (gone) return resume(Effect.void)
        output.write(text, () => resume(Effect.void))
      })
  })
