/**
 * Where a peer's user sits: a person at a terminal, or a script with pipes.
 *
 * Provided by `adapters/node/TerminalScreen`, `PlainScreen` and `JsonScreen`, and by `adapters/memory/MemoryScreen`.
 */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Line } from "../domain/LineSplitter.ts"
import type { PeerEvent } from "../domain/PeerEvent.ts"

export class Screen extends Context.Service<
  Screen,
  {
    /** Waits for the next line typed, which may be too long to be any use; fails with `Done` when there is no more. */
    readonly readLine: Effect.Effect<Line, Cause.Done>
    /** Shows an event; waits while the reader of a pipe is behind. */
    readonly show: (event: PeerEvent) => Effect.Effect<void>
    /** Somebody is watching: errors are for reading, not for the exit code. */
    readonly interactive: boolean
  }
>()("nomitm/services/Screen") {}
