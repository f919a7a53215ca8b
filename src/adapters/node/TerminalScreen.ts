/**
 * `Screen` for a person at a terminal: `node:readline` edits the line (history, Emacs keys, wide characters, wrapping),
 * and what arrives is printed above it.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Readline from "node:readline"
import type { Writable } from "node:stream"
import type { Line } from "../../domain/LineSplitter.ts"
import type { PeerEvent } from "../../domain/PeerEvent.ts"
import * as PeerEventText from "../../domain/PeerEventText.ts"
import * as PeerStatus from "../../domain/PeerStatus.ts"
import * as UserInput from "../../domain/UserInput.ts"
import { Screen } from "../../services/Screen.ts"
import * as StandardStreams from "./StandardStreams.ts"

const clearToEnd = "\r\u001b[J"
const up = (rows: number): string => (rows > 0 ? `\u001b[${rows}A` : "")

/**
 * How long a change of what stands in front of the input may wait to be drawn, in milliseconds: a text that arrives
 * sooner moves nothing, and measurements move it four times a second at most.
 */
const calmMillis = 250

/** Completes commands: `/ch` to `/chat `. */
const complete = (line: string): [Array<string>, string] => {
  const names = UserInput.commands.map(({ name, argument }) => `/${name}${argument === "none" ? "" : " "}`)
  return [line.startsWith("/") ? names.filter((name) => name.startsWith(line)) : [], line]
}

/**
 * Whether the terminal, when its width changes, breaks the line with the cursor anew. Most do; xterm and the terminal of
 * VS Code leave that to the program.
 */
const reflows = process.env["XTERM_VERSION"] === undefined && process.env["TERM_PROGRAM"] !== "vscode"

/**
 * What `node:readline` knows about its input on the screen, beyond its types: the row of the cursor, counted from the
 * start of the prompt. It goes up by so many rows to draw the input again.
 */
interface Drawn {
  prevRows: number
  readonly isCompletionEnabled: boolean
}

/**
 * Readline draws its input in several steps, each written by itself. Whoever resizes the terminal between two of them
 * moves the cursor away from under the next: what belongs together is therefore written at once.
 *
 * @param draw writes to the stream
 */
const atOnce = <A>(output: Writable, draw: () => A): A => {
  output.cork()
  try {
    return draw()
  } finally {
    output.uncork()
  }
}

/** The same for whatever is written until the listeners of an event are done, before which it is called. */
const atOnceFromHere = (output: Writable): void => {
  output.cork()
  process.nextTick(() => output.uncork())
}

/**
 * A terminal that was resized says so by a signal, and signals come after whatever else has come in the meantime. Asks it,
 * and draws the input again if its size has changed; beyond the types of Node.
 */
const noticeSize = (output: object): void => (output as { _refreshSize?: () => void })._refreshSize?.()

/** Readline writes what is pasted without counting rows, and counts on having done so. */
const countRows = (readline: Readline.Interface): number => {
  const { rows } = readline.getCursorPos()
  ;(readline as unknown as Drawn).prevRows = rows
  return rows
}

export const layer: Layer.Layer<Screen> = Layer.effect(
  Screen,
  Effect.gen(function* () {
    const { stdin, stdout } = process
    const write = yield* StandardStreams.writer(stdout)
    const lines = yield* Queue.unbounded<Line, Cause.Done>()
    let open = true
    let status = PeerStatus.initial
    let drawing: NodeJS.Timeout | undefined
    const close = (): void => {
      open = false
      Queue.endUnsafe(lines)
    }
    // The shell has used the terminal in between.
    const onContinue = (): void => {
      if (!open) return
      stdin.setRawMode(true)
      ;(readline as unknown as Drawn).prevRows = 0
      atOnce(stdout, () => readline.prompt(true))
    }
    // At the end of its input readline passes on what is half typed: nobody has sent that.
    stdin.once("end", close)

    const readline: Readline.Interface = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const readline = Readline.createInterface({
          input: stdin,
          output: stdout,
          terminal: true,
          prompt: "> ",
          historySize: 200,
          removeHistoryDuplicates: true,
          completer: complete,
        })
        readline.on("line", (text) => {
          if (!open) return
          Queue.offerUnsafe(lines, { _tag: "Line", text })
          readline.prompt()
        })
        // In raw mode Ctrl-C is a key: make it the signal it means everywhere else.
        readline.on("SIGINT", () => process.kill(process.pid, "SIGINT"))
        // Ctrl-Z. Whom nobody can continue, such as the first process of a container, is not stopped, and goes on.
        readline.on("SIGTSTP", () => {
          stdin.setRawMode(false)
          process.kill(process.pid, "SIGTSTP")
          setTimeout(() => open && stdin.setRawMode(true), 50)
        })
        process.on("SIGCONT", onContinue)
        readline.on("close", close)
        // The terminal is gone.
        readline.on("error", close)
        // Both before readline's own listeners. While it takes in all but the last key of what is pasted, it completes
        // nothing, and its rows are not asked for.
        stdin.prependListener("keypress", () => {
          atOnceFromHere(stdout)
          if ((readline as unknown as Drawn).isCompletionEnabled) countRows(readline)
        })
        stdout.prependListener("resize", () => {
          atOnceFromHere(stdout)
          if (reflows) countRows(readline)
        })
        readline.prompt()
        return readline
      }),
      (readline) =>
        Effect.sync(() => {
          clearTimeout(drawing)
          // The prompt goes: what follows on this terminal is not typed to us.
          if (open) stdout.write(up(readline.getCursorPos().rows) + clearToEnd)
          else stdout.write(clearToEnd)
          process.off("SIGCONT", onContinue)
          readline.close()
          stdin.pause()
        }),
    )

    /** Draws the input again where it is, if what stands in front of it has changed. */
    const draw = (): void => {
      drawing = undefined
      if (open) noticeSize(stdout)
      const prompt = PeerStatus.prompt(status)
      if (!open || prompt === readline.getPrompt()) return
      // The rows of the old prompt: readline goes up by them.
      countRows(readline)
      readline.setPrompt(prompt)
      atOnce(stdout, () => readline.prompt(true))
    }

    const show = (event: PeerEvent): Effect.Effect<void> =>
      Effect.suspend(() => {
        const isNews = PeerStatus.isNews(status, event)
        status = PeerStatus.after(status, event)
        if (!isNews) {
          drawing ??= setTimeout(draw, calmMillis)
          return Effect.void
        }
        if (open) noticeSize(stdout)
        const text = PeerEventText.print(event, StandardStreams.columns(stdout))
        if (!open) return write(clearToEnd + text)
        const rows = countRows(readline)
        readline.setPrompt(PeerStatus.prompt(status))
        atOnce(stdout, () => {
          // As many empty lines as the cursor stood below the start of the input: readline goes up by them to redraw it.
          stdout.write(up(rows) + clearToEnd + text + "\n".repeat(rows))
          readline.prompt(true)
        })
        // Waits for the terminal to take it.
        return write("")
      })

    return Screen.of({ readLine: Queue.take(lines), show, interactive: true })
  }),
)
