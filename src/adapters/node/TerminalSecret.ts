/**
 * Asks a person at a terminal for something that must not be seen: nothing of it is echoed. The question goes to standard
 * error, so that standard output stays what a script reads.
 */
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Readline from "node:readline"
import { Writable } from "node:stream"

/** Whether there is a person to ask. */
export const isPossible = (): boolean => process.stdin.isTTY && process.stderr.isTTY

/** The longest answer that is taken, in UTF-16 units. */
const maxLength = 8192

/**
 * One line, without its end; none at the end of input (Ctrl-D). Ctrl-C interrupts.
 *
 * @param question what is asked, printed as it is
 */
export const ask = (question: string): Effect.Effect<Option.Option<string>> =>
  Effect.callback<Option.Option<string>>((resume) => {
    const mute = new Writable({ write: (_, __, done) => done() })
    const lines = Readline.createInterface({
      input: process.stdin,
      output: mute,
      terminal: true,
      historySize: 0,
    })
    // Not before: the terminal echoes what is typed until the interface has taken it over.
    process.stderr.write(question)
    let answer: Effect.Effect<Option.Option<string>> = Effect.succeedNone
    lines.once("line", (line) => {
      answer = Effect.succeedSome(line.slice(0, maxLength))
      lines.close()
    })
    lines.once("SIGINT", () => {
      answer = Effect.interrupt
      lines.close()
    })
    lines.once("close", () => {
      process.stderr.write("\n")
      resume(answer)
    })
    return Effect.sync(() => lines.close())
  })
