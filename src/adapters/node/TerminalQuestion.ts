/**
 * One question to whoever sits at the terminal, before there is a screen: yes is yes, all else is no.
 */
import * as Effect from "effect/Effect"
import * as Readline from "node:readline"

export const ask = (question: string): Effect.Effect<boolean> =>
  Effect.callback<boolean>((resume) => {
    const readline = Readline.createInterface({ input: process.stdin, output: process.stdout, terminal: true })
    // In raw mode Ctrl-C is a key: make it the signal it means everywhere else.
    readline.on("SIGINT", () => process.kill(process.pid, "SIGINT"))
    readline.on("close", () => resume(Effect.succeed(false)))
    readline.question(question, (answer) => {
      resume(Effect.succeed(/^\s*y(es)?\s*$/i.test(answer)))
      readline.close()
    })
    return Effect.sync(() => readline.close())
  })
