/**
 * What a server that speaks only over TLS has for a client in plaintext: one word, and the end (PROTOCOL.md, section 14).
 */
import * as Effect from "effect/Effect"
import * as LineSplitter from "../../domain/LineSplitter.ts"
import type { Connection } from "../RendezvousTransport.ts"

/** How long its first line is waited for, in milliseconds. */
export const firstLineMillis = 5000

/** Waits for the first line, or for long enough. Nothing else is read. */
export const awaitFirstLine = (connection: Connection): Effect.Effect<void> =>
  Effect.gen(function* () {
    let splitter = LineSplitter.initial
    for (;;) {
      const [next, lines] = LineSplitter.push(splitter, yield* connection.receive)
      if (lines.length > 0) return
      splitter = next
    }
  }).pipe(Effect.ignore, Effect.timeoutOption(firstLineMillis), Effect.asVoid)
