/**
 * `Screen` in words, without a prompt: for pipes, where nobody edits a line. Errors go to standard error.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PeerEventText from "../../domain/PeerEventText.ts"
import { Screen } from "../../services/Screen.ts"
import * as StandardStreams from "./StandardStreams.ts"

export const layer: Layer.Layer<Screen> = Layer.effect(
  Screen,
  Effect.gen(function* () {
    const { stdin, stdout, stderr } = process
    const readLine = yield* StandardStreams.readLines(stdin)
    const write = yield* StandardStreams.writer(stdout)
    const writeError = yield* StandardStreams.writer(stderr)
    return Screen.of({
      readLine,
      show: (event) =>
        event.event === "error"
          ? writeError(PeerEventText.print(event, StandardStreams.columns(stderr)))
          : write(PeerEventText.print(event, StandardStreams.columns(stdout))),
      interactive: false,
    })
  }),
)
