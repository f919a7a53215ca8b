/**
 * `Screen` in words, without a prompt: for pipes, where nobody edits a line. Errors go to standard error.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { PeerEvent } from "../../domain/PeerEvent.ts"
import * as PeerEventText from "../../domain/PeerEventText.ts"
import * as PeerStatus from "../../domain/PeerStatus.ts"
import { Screen } from "../../services/Screen.ts"
import * as StandardStreams from "./StandardStreams.ts"

export const layer: Layer.Layer<Screen> = Layer.effect(
  Screen,
  Effect.gen(function* () {
    const { stdin, stdout, stderr } = process
    const readLine = yield* StandardStreams.readLines(stdin)
    const write = yield* StandardStreams.writer(stdout)
    const writeError = yield* StandardStreams.writer(stderr)
    let status = PeerStatus.initial

    const show = (event: PeerEvent): Effect.Effect<void> =>
      Effect.suspend(() => {
        const isNews = PeerStatus.isNews(status, event)
        status = PeerStatus.after(status, event)
        if (!isNews) return Effect.void
        return event.event === "error" || event.event === "failed"
          ? writeError(PeerEventText.print(event, StandardStreams.columns(stderr)))
          : write(PeerEventText.print(event, StandardStreams.columns(stdout)))
      })

    return Screen.of({ readLine, show, interactive: false })
  }),
)
