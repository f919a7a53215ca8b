/**
 * The built command in a host of a laboratory, as a script runs it: events are read as JSON, each with the time at
 * which it came.
 */
import type { ChildProcessWithoutNullStreams } from "node:child_process"
import { once } from "node:events"
import type { Laboratory } from "./Laboratory.ts"

export interface Event {
  readonly event: string
  readonly [field: string]: unknown
}

export interface Timed extends Event {
  /** When it came. Milliseconds of `performance.now()`. */
  readonly at: number
}

export interface Start {
  readonly laboratory: Laboratory
  readonly host: string
  /** The file to run: `dist/nomitm.mjs`. */
  readonly command: string
  readonly args: ReadonlyArray<string>
  /** A folder of its own, where it may keep what it likes. */
  readonly home: string
}

export class Chatter {
  readonly events: Array<Timed> = []
  private readonly child: ChildProcessWithoutNullStreams
  private readonly watchers = new Set<() => void>()
  private readonly host: string
  private passed = 0
  private stderr = ""
  private unfinished = ""
  /** How it ended, once it has. */
  ended: string | undefined

  constructor({ laboratory, host, command, args, home }: Start) {
    this.host = host
    const env = { PATH: process.env["PATH"], HOME: home }
    this.child = laboratory.spawn(host, [process.execPath, command, ...args], env)
    this.child.stdout.setEncoding("utf8").on("data", (text: string) => this.read(text))
    this.child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr = (this.stderr + text).slice(-4000)
    })
    // A program that has ended takes no more input.
    this.child.stdin.on("error", () => {})
    void once(this.child, "close").then(
      ([code, signal]) => this.end(String(code ?? signal)),
      (error: unknown) => this.end(String(error)),
    )
  }

  private end(how: string): void {
    this.ended = how
    this.notice()
  }

  private read(text: string): void {
    const at = performance.now()
    const lines = (this.unfinished + text).split("\n")
    this.unfinished = lines.pop() ?? ""
    for (const line of lines) this.events.push({ ...(JSON.parse(line) as Event), at })
    this.notice()
  }

  private notice(): void {
    for (const watcher of this.watchers) watcher()
  }

  type(line: string): void {
    this.child.stdin.write(`${line}\n`)
  }

  named(name: string): ReadonlyArray<Timed> {
    return this.events.filter(({ event }) => event === name)
  }

  /** Waits until `look` finds something; nothing, if it does not in time or the program ends. */
  async until<A>(look: () => A | undefined, withinMillis: number): Promise<A | undefined> {
    const { promise, resolve } = Promise.withResolvers<A | undefined>()
    const check = (): void => {
      const found = look()
      if (found !== undefined) resolve(found)
      else if (this.ended !== undefined) resolve(undefined)
    }
    const timer = setTimeout(() => resolve(undefined), withinMillis)
    this.watchers.add(check)
    check()
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.watchers.delete(check)
    }
  }

  /** Waits for the next event of this name; the ones before it are passed over. Fails with all that was printed. */
  async event(name: string, withinMillis: number): Promise<Timed> {
    const found = await this.until(() => {
      const index = this.events.findIndex(({ event }, i) => i >= this.passed && event === name)
      if (index < 0) return undefined
      this.passed = index + 1
      return this.events[index]
    }, withinMillis)
    if (found === undefined) throw new Error(`No "${name}" within ${withinMillis / 1000} s:\n${this.transcript()}`)
    return found
  }

  /** What it said last, for whoever looks for the cause of a failure. */
  transcript(since = 0): string {
    const lines = this.events
      .filter(({ event }) => !["message", "sent", "delivered"].includes(event))
      .slice(-25)
      .map(({ at, ...event }) => `  ${((at - since) / 1000).toFixed(3)} ${JSON.stringify(event)}`)
    return [`${this.host}${this.ended === undefined ? "" : `, ended with ${this.ended}`}`, ...lines, this.stderr]
      .join("\n")
      .trimEnd()
  }
}
