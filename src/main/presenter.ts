/**
 * How the command speaks of its own use: a mistake is answered with two or three lines on standard error that end with
 * what to type, and exit code 2.
 */
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import { oneLine } from "../domain/PrintableText.ts"
import { exitCodes } from "../domain/Problem.ts"

export const layer: Layer.Layer<never> = CliOutput.layerPresenter({
  present: (event) => {
    if (event._tag === "Help" && event.reason === "Implicit") {
      return Console.error(`nomitm: A command is missing.\n${advice(event.commandPath)}`)
    }
    if (event._tag !== "InvalidInvocation") return CliOutput.defaultPresenter.present(event)
    const problems = event.errors.map((error) => `nomitm: ${oneLine(problem(error)).replaceAll(/ +/g, " ")}`)
    return Console.error(`${problems.join("\n")}\n${advice(event.commandPath)}`)
  },
})

const advice = (commandPath: ReadonlyArray<string>): string => `Type ${commandPath.join(" ")} --help for its use.`

const problem = (error: CliError.CliError): string => {
  switch (error._tag) {
    case "UnrecognizedOption":
      return `There is no flag ${error.option}.${didYouMean(error.suggestions)}`
    case "UnknownSubcommand":
      return `There is no command ${error.subcommand}.${didYouMean(error.suggestions)}`
    case "MissingArgument":
      return `The ${error.argument} is missing.`
    case "UnexpectedArgument":
      return `${error.arguments.join(" ")} is more than it takes.`
    case "InvalidValue": {
      const expected = error.expected
        .replace(/^Expected:? /, "")
        .replaceAll('"', "")
        .replaceAll(" | ", " or ")
      const name = error.kind === "flag" ? `--${error.option}` : error.option
      return error.value === "" ? `${name} needs a value: ${expected}.` : `${name} ${error.value}: not ${expected}.`
    }
    default:
      return error.message
  }
}

const didYouMean = ([nearest]: ReadonlyArray<string>): string =>
  nearest === undefined ? "" : ` Did you mean ${nearest}?`

/** A mistake in use exits with 2, as commands do; everything else as its error says. */
export const teardown: Runtime.Teardown = (exit, onExit) =>
  Exit.isFailure(exit) && CliError.isCliError(Cause.squash(exit.cause))
    ? onExit(exitCodes.usage)
    : Runtime.defaultTeardown(exit, onExit)
