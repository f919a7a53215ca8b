/**
 * Reads the lines of one client of a server, and has them carried out one after the other: as fast as `ServerLimits`
 * allow, and not before the client has taken most of what it was answered.
 */
import * as Effect from "effect/Effect"
import * as LineSplitter from "../../domain/LineSplitter.ts"
import * as TokenBucket from "../../domain/TokenBucket.ts"
import { monotonicReader } from "../monotonic.ts"
import type { Connection } from "../RendezvousTransport.ts"
import type { Limits } from "./ServerLimits.ts"

/** What carrying out a line took, in lines beyond itself; that it is paid for in another way; that it was the last one. */
export type Done = number | "Paid" | "Last"

export interface Options {
  readonly connection: Connection
  readonly limits: Limits
  /** Carries out a line. */
  readonly handle: (line: LineSplitter.Line) => Effect.Effect<Done>
  /**
   * Whether a line is a datagram: nothing answers it, so that it need not wait until answers have been taken; and what it
   * costs is known when it has been carried out.
   */
  readonly isDatagram?: (line: LineSplitter.Line) => boolean
  /** It sent so much at once that it is sent away. */
  readonly onTooFast: () => void
  /** Something came. */
  readonly onHeard?: () => void
}

/**
 * A chunk is cut into pieces of so many bytes: its lines are not all in memory while they wait for their turn. A piece in
 * which no line ends counts as one: a line without end must not cost less than many.
 */
const pieceBytes = 2048
/** Who has sent more lines than may be carried out in so many seconds is sent away. */
const maxSecondsAhead = 10

/** Serves lines until the client's stream ends, or one was the last. */
export const serve = Effect.fnUntraced(function* (options: Options) {
  const { connection, limits, handle, isDatagram = () => false, onTooFast, onHeard } = options
  const now = yield* monotonicReader
  let bucket = TokenBucket.initial(limits.lines, now())
  let splitter = LineSplitter.initial

  /** Takes `count` lines of what the client may say; how long it has to wait, in milliseconds. */
  const pay = (count: number): number => {
    const [next, wait] = TokenBucket.take(limits.lines, bucket, count, now())
    bucket = next
    return wait
  }
  const takeTurnOf = (count: number): Effect.Effect<void> =>
    Effect.suspend(() => {
      const wait = pay(count)
      return wait > 0 ? Effect.sleep(wait) : Effect.void
    })
  const takeTurn = takeTurnOf(1)
  /** What was paid in debt is waited for, nothing more is taken. */
  const payOff = takeTurnOf(0)

  /** Carries out lines in order; false when that was the last one. */
  const handleAll = Effect.fnUntraced(function* (lines: ReadonlyArray<LineSplitter.Line>) {
    for (const line of lines) {
      const isLine = !isDatagram(line)
      yield* isLine ? takeTurn : payOff
      if (isLine) yield* connection.drained
      // Somebody who is gone, or was sent away, calls nobody any more.
      if (!connection.isOpen()) return false
      const done = yield* handle(line)
      if (done === "Last") return false
      if (done !== "Paid") pay(isLine ? done : 1 + done)
    }
    return true
  })

  const read = Effect.gen(function* () {
    for (;;) {
      const chunk = yield* connection.receive
      onHeard?.()
      // What has been read is carried out even after the client has gone: let that not be for long.
      if (lineEnds(chunk) > limits.lines.burst + maxSecondsAhead * limits.lines.perSecond) return onTooFast()
      for (let start = 0; start < chunk.length; start += pieceBytes) {
        const [state, lines] = LineSplitter.push(splitter, chunk.subarray(start, start + pieceBytes))
        splitter = state
        if (lines.length === 0) yield* takeTurn
        else if (!(yield* handleAll(lines))) return
      }
    }
  })

  yield* read.pipe(
    // The last line of a client that ended its stream counts without a line end too; but over TLS whoever is in the middle
    // can cut a stream off where they like.
    Effect.catchTag("ConnectionClosed", ({ reason }) =>
      reason === "Ended" && connection.secured === undefined ? handleAll(LineSplitter.end(splitter)) : Effect.void,
    ),
  )
})

const lineEnds = (chunk: Uint8Array): number => {
  let count = 0
  for (let i = 0; i < chunk.length; i++) {
    const byte = chunk[i]
    if (byte === 10 || (byte === 13 && chunk[i + 1] !== 10)) count++
  }
  return count
}
