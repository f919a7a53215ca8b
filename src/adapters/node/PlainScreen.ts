/**
 * `Screen` in words, without a prompt: for pipes, where nobody edits a line.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PeerEventText from "../../domain/PeerEventText.ts"
import { Screen } from "../../services/Screen.ts"
import * as StandardStreams from "./StandardStreams.ts"

export const layer: Layer.Layer<Screen> = Layer.effect(
  Screen,
  Effect.gen(function* () {
    const readLine = yield* StandardStreams.readLines(process.stdin)
    const write = yield* StandardStreams.writer(process.stdout)
    return Screen.of({
      readLine,
      show: (event) =>
        write(
          PeerEventText.lines(event)
            .map((line) => `${line}\n`)
            .join(""),
        ),
      interactive: false,
    })
  }),
)
