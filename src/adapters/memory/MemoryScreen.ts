/**
 * `Screen` in memory: what a test or an embedding program types, and what it is shown.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type { Line } from "../../domain/LineSplitter.ts"
import type { PeerEvent } from "../../domain/PeerEvent.ts"
import { Screen } from "../../services/Screen.ts"

export interface MemoryScreen {
  /** Types one line. */
  readonly type: (text: string) => Effect.Effect<void>
  /** Ends the input. */
  readonly end: Effect.Effect<void>
  /** Waits for the next event shown. */
  readonly next: Effect.Effect<PeerEvent>
  /** Waits for the next event of this name; those before it are passed over. */
  readonly nextOf: <Name extends PeerEvent["event"]>(name: Name) => Effect.Effect<Extract<PeerEvent, { event: Name }>>
  readonly layer: Layer.Layer<Screen>
}

export const make = Effect.fnUntraced(function* (options?: { readonly interactive?: boolean }) {
  const typed = yield* Queue.unbounded<Line, Cause.Done>()
  const shown = yield* Queue.unbounded<PeerEvent>()
  const next = Queue.take(shown)
  return {
    type: (text) => Effect.asVoid(Queue.offer(typed, { _tag: "Line", text })),
    end: Effect.asVoid(Queue.end(typed)),
    next,
    nextOf: <Name extends PeerEvent["event"]>(name: Name) =>
      Effect.repeat(next, { until: (event) => event.event === name }) as Effect.Effect<
        Extract<PeerEvent, { event: Name }>
      >,
    layer: Layer.succeed(
      Screen,
      Screen.of({
        readLine: Queue.take(typed),
        show: (event) => Effect.asVoid(Queue.offer(shown, event)),
        interactive: options?.interactive ?? true,
      }),
    ),
  } satisfies MemoryScreen
})
