/**
 * `Screen` for scripts: one JSON object a line on standard output, commands and texts on standard input.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PrintableText from "../../domain/PrintableText.ts"
import { Screen } from "../../services/Screen.ts"
import * as StandardStreams from "./StandardStreams.ts"

export const layer: Layer.Layer<Screen> = Layer.effect(
  Screen,
  Effect.gen(function* () {
    const readLine = yield* StandardStreams.readLines(process.stdin)
    const write = yield* StandardStreams.writer(process.stdout)
    return Screen.of({ readLine, show: (event) => write(`${PrintableText.json(event)}\n`), interactive: false })
  }),
)
