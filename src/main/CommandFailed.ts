/**
 * A command that failed and has said why: nothing more is printed, and the process ends with `exitCode`.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import { json, oneLine } from "../domain/PrintableText.ts"
import type { Problem } from "../domain/Problem.ts"

export class CommandFailed extends Schema.TaggedError<CommandFailed>("nomitm/CommandFailed")("CommandFailed", {
  exitCode: Schema.Int,
}) {
  override readonly [Runtime.errorReported] = false
  override get [Runtime.errorExitCode](): number {
    return this.exitCode
  }
}

/** Says what happened, to a script on standard output or to a person on standard error, and fails. */
export const failWith = (problem: Problem, asJson: boolean): Effect.Effect<never, CommandFailed> => {
  const { code, message, hint, exitCode } = problem
  return Effect.andThen(
    asJson
      ? Console.log(json({ event: "error", code, message, hint }))
      : Console.error(`nomitm: ${oneLine(message)} ${oneLine(hint)}`),
    Effect.fail(new CommandFailed({ exitCode })),
  )
}
