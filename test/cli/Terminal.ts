/**
 * The built command as a person runs it: in a pseudo-terminal whose output a terminal emulator (xterm.js) draws, so that
 * a test asserts what stands on the screen.
 *
 * The pseudo-terminal is the one of `script` (util-linux), which every Debian, Fedora and Arch has; Node can't open one
 * without native code, and prebuilt code of somebody else is more than these tests are worth. `stty` sets its size.
 */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn, spawnSync } from "node:child_process"
import { Unicode11Addon } from "@xterm/addon-unicode11"
import Headless from "@xterm/headless"
import { command, environment, patience } from "./Program.ts"

/** Why there is no pseudo-terminal here, in one line; nothing if there is one. */
export const missing: string | undefined =
  process.platform !== "linux"
    ? "The terminal tests need Linux: `script` is another program elsewhere."
    : spawnSync("script", ["--version"]).error !== undefined
      ? "The terminal tests need `script` of util-linux: apt-get install bsdutils."
      : undefined

export const keys = {
  enter: "\r",
  tab: "\t",
  backspace: "\u007f",
  up: "\u001b[A",
  left: "\u001b[D",
  home: "\u001b[H",
  end: "\u001b[F",
  ctrlA: "\u0001",
  ctrlC: "\u0003",
  ctrlD: "\u0004",
  ctrlZ: "\u001a",
} as const

export interface Options {
  readonly columns?: number
  readonly rows?: number
  readonly env?: Readonly<Record<string, string>>
  /** Whether the terminal breaks the line with the cursor anew when it is resized: most do, xterm and VS Code don't. */
  readonly reflows?: boolean
  /** Another program than the command. */
  readonly file?: string
  /** Whether the shell knows jobs: only then Ctrl-Z stops one. */
  readonly jobs?: boolean
}

/**
 * Prints where it is; runs a command, and goes on with it after Enter when it was stopped with Ctrl-Z; says how that
 * ended, and whether it left the terminal as it was.
 */
const shell = `trap : INT; stty rows "$1" cols "$2"; shift 2; was=$(stty -g); printf '%s %s\\n' "$(tty)" $$
"$@"; code=$?; while [ $code = 148 ]; do echo '[stopped]'; read -r _; fg; code=$?; done; printf '[exit code %s]\\n' $code; [ "$(stty -g)" = "$was" ] && echo '[terminal as before]'`

const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`

export class Terminal implements AsyncDisposable {
  private readonly child: ChildProcessWithoutNullStreams
  private readonly emulator: Headless.Terminal
  private readonly closed: Promise<void>
  private readonly watchers = new Set<() => void>()
  private isClosed = false
  /** The device and the process that leads the session. */
  private device = ""
  private pid = 0
  /** Everything that was written to the terminal, and how much of it the emulator has drawn. */
  output = ""
  private drawn = 0

  constructor(
    args: ReadonlyArray<string>,
    { columns = 80, rows = 24, env = {}, reflows = true, file = command, jobs = false }: Options = {},
  ) {
    this.emulator = new Headless.Terminal({
      cols: columns,
      rows,
      allowProposedApi: true,
      reflowCursorLine: reflows,
    })
    this.emulator.loadAddon(new Unicode11Addon())
    this.emulator.unicode.activeVersion = "11"
    const words = [
      "sh",
      jobs ? "-mc" : "-c",
      shell,
      "sh",
      String(rows),
      String(columns),
      process.execPath,
      file,
      ...args,
    ]
    this.child = spawn(
      "script",
      ["--quiet", "--flush", "--command", `exec ${words.map(quote).join(" ")}`, "/dev/null"],
      {
        env: {
          ...environment(),
          SHELL: "/bin/sh",
          TERM: "xterm-256color",
          LANG: "C.UTF-8",
          ...(reflows ? {} : { TERM_PROGRAM: "vscode" }),
          ...env,
        },
      },
    )
    this.child.stdin.on("error", () => {})
    let first = ""
    this.child.stdout.setEncoding("utf8").on("data", (text: string) => {
      let rest = text
      if (this.pid === 0) {
        first += text
        const [, device, pid, more] = /^(\S+) (\d+)\r\n(.*)$/s.exec(first) ?? []
        if (device === undefined || more === undefined) return
        this.device = device
        this.pid = Number(pid)
        rest = more
      }
      this.output += rest
      this.emulator.write(rest, () => {
        this.drawn += rest.length
        this.notice()
      })
    })
    this.closed = new Promise((resolve) => {
      this.child.once("close", () => {
        // Once all that was printed is drawn.
        this.emulator.write("", () => {
          this.isClosed = true
          this.notice()
          resolve()
        })
      })
    })
  }

  private notice(): void {
    for (const watcher of this.watchers) watcher()
  }

  /** The rows on the screen, without blanks at their ends and without the empty rows at the bottom. */
  get screen(): ReadonlyArray<string> {
    const { active } = this.emulator.buffer
    const rows = Array.from({ length: this.emulator.rows }, (_, y) =>
      (active.getLine(active.viewportY + y)?.translateToString(true) ?? "").trimEnd(),
    )
    return rows.slice(0, rows.findLastIndex((row) => row !== "") + 1)
  }

  /** Where the cursor stands; the top left is 0, 0. */
  get cursor(): { readonly x: number; readonly y: number } {
    const { active } = this.emulator.buffer
    return { x: active.cursorX, y: active.cursorY }
  }

  /** Waits until the screen satisfies `look`. */
  async until(what: string, look: (screen: ReadonlyArray<string>) => boolean, within = patience): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const report = (why: string): Error => {
      const { x, y } = this.cursor
      return new Error(`${why}: ${what}\nThe screen, with the cursor at ${x}, ${y}:\n${this.screen.join("\n")}`)
    }
    const check = (): void => {
      if (look(this.screen)) resolve()
      else if (this.isClosed) reject(report("The terminal closed before"))
    }
    const timer = setTimeout(() => reject(report(`Not within ${within} ms`)), within)
    this.watchers.add(check)
    check()
    try {
      await promise
    } finally {
      clearTimeout(timer)
      this.watchers.delete(check)
    }
  }

  /** Waits until a row of the screen contains this. */
  shows(text: string): Promise<void> {
    return this.until(JSON.stringify(text), (screen) => screen.some((row) => row.includes(text)))
  }

  /** Waits until the last rows of the screen are these. */
  endsWith(...rows: ReadonlyArray<string>): Promise<void> {
    return this.until(`at the end of the screen\n${rows.join("\n")}`, (screen) => {
      const last = screen.slice(-rows.length)
      return last.length === rows.length && last.every((row, i) => row === rows[i]!.trimEnd())
    })
  }

  type(text: string): void {
    this.child.stdin.write(text)
  }

  /** Types a line. */
  enter(line: string): void {
    this.type(line + keys.enter)
  }

  /** Makes the window narrower or wider, as a person drags its edge. */
  setColumns(columns: number): void {
    this.emulator.resize(columns, this.emulator.rows)
    execFileSync("stty", ["-F", this.device, "cols", String(columns)])
  }

  /** The same, and waits until the program has drawn all of its input again. */
  async resize(columns: number): Promise<void> {
    // A terminal that breaks lines anew shows the same before. The redraw ends with the column of the cursor.
    const redraw = /\u001b\[0J[^]*\u001b\[\d+G(?:\u001b\[\d+A)?$/
    const isDrawn = (): boolean => this.drawn === this.output.length
    await this.until("all that was written", isDrawn)
    const before = this.output.length
    this.setColumns(columns)
    await this.until("the input drawn again", () => isDrawn() && redraw.test(this.output.slice(before)))
  }

  /** Waits for the end of the command; its exit code, and whether the terminal is as it was before. */
  async exit(): Promise<{ readonly code: number; readonly restored: boolean }> {
    const timer = setTimeout(() => this.child.kill(), patience)
    await this.closed
    clearTimeout(timer)
    return {
      code: Number(/\[exit code (\d+)\]/.exec(this.output)?.[1]),
      restored: this.output.includes("[terminal as before]"),
    }
  }

  /** Closes the window. */
  async close(): Promise<void> {
    this.child.kill("SIGKILL")
    await this.closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isClosed) {
      // It leads its process group, which may have ended just now.
      try {
        if (this.pid !== 0) process.kill(-this.pid, "SIGKILL")
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error
      }
      await this.close()
    }
    this.emulator.dispose()
  }
}
