/**
 * `nomitm` as a process of its own, with `--json`: what is typed goes in, events come out. None outlives the demo, and
 * nothing that they keep on disk does.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import type { Readable, Writable } from "node:stream"

const command = join(import.meta.dirname, "../dist/nomitm.mjs")

export interface Event {
  readonly event: string
  readonly [field: string]: unknown
}

const files = mkdtempSync(join(tmpdir(), "nomitm-demo-"))
const running = new Set<Program>()
process.on("exit", () => {
  for (const program of running) program.child.kill("SIGKILL")
  rmSync(files, { recursive: true, force: true, maxRetries: 5 })
})

/** Where one program keeps what is its own. */
export const folder = (name: string): string => join(files, name)

/** Nobody's home, and nothing that changes what a program does. */
const environment = { PATH: process.env["PATH"], TMPDIR: process.env["TMPDIR"], HOME: folder("home") }

export class Program {
  readonly name: string
  readonly child: ChildProcessByStdio<Writable, Readable, null>
  exitCode: number | undefined
  /** What it reported and nobody has taken. */
  readonly events: Array<Event> = []

  constructor(name: string, args: ReadonlyArray<string>, onEvent: (event: Event) => void = () => {}) {
    this.name = name
    const stdio: ["pipe", "pipe", "inherit"] = ["pipe", "pipe", "inherit"]
    this.child = spawn(process.execPath, [command, ...args, "--json"], { stdio, env: environment })
    running.add(this)
    createInterface({ input: this.child.stdout }).on("line", (line) => {
      const event = JSON.parse(line) as Event
      this.events.push(event)
      onEvent(event)
    })
    this.child.stdin.on("error", () => {})
    this.child.on("close", (code) => {
      running.delete(this)
      this.exitCode = code ?? -1
    })
  }

  type(line: string): void {
    this.child.stdin.write(`${line}\n`)
  }

  /** The next event of this name, if it has come; those before it are passed over. */
  take(name: string): Event | undefined {
    const i = this.events.findIndex(({ event }) => event === name)
    return i < 0 ? undefined : this.events.splice(0, i + 1).at(-1)
  }
}
