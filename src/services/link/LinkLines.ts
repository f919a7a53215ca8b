/**
 * Reads the lines of a connection to a server until its stream ends.
 */
import * as Effect from "effect/Effect"
import * as LineSplitter from "../../domain/LineSplitter.ts"
import type { Connection } from "../RendezvousTransport.ts"

type Lines = ReadonlyArray<LineSplitter.Line>

/**
 * @param hear what came at once; the next is read when it is done
 * @returns what stands before the end without a line end; nothing if the connection was lost
 */
export const read = (connection: Connection, hear: (lines: Lines) => Effect.Effect<void>): Effect.Effect<Lines> =>
  Effect.suspend(() => {
    let splitter = LineSplitter.initial
    return Effect.gen(function* () {
      for (;;) {
        const [next, lines] = LineSplitter.push(splitter, yield* connection.receive)
        splitter = next
        yield* hear(lines)
      }
    }).pipe(
      Effect.catchTag("ConnectionClosed", ({ reason }) =>
        Effect.succeed(reason === "Ended" ? LineSplitter.end(splitter) : []),
      ),
    )
  })
