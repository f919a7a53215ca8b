/**
 * The built command, or another program that people use: lines go in, events in JSON come out.
 */
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"

/** No event takes longer. Milliseconds. */
const patienceMillis = 30_000

export interface Event {
  readonly event: string
  readonly [field: string]: unknown
}

export interface Command {
  readonly type: (line: string) => void
  /** Waits for the next event of this kind that was not waited for yet. */
  readonly next: (kind: string) => Promise<Event>
  /** Ends it and waits until it has. */
  readonly end: () => Promise<void>
}

/** @param args the file of a program for `node`, and what it is told */
export const start = (args: ReadonlyArray<string>): Command => {
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] })
  const kill = (): void => void child.kill()
  // A server would outlive a bench that fails.
  process.once("exit", kill)
  const exited = new Promise<void>((resolve) => {
    child.once("close", () => {
      process.off("exit", kill)
      resolve()
    })
  })
  const seen: Array<Event> = []
  let waiting: { readonly kind: string; readonly found: (event: Event) => void } | undefined

  const look = (): void => {
    const at = seen.findIndex(({ event }) => event === waiting?.kind)
    if (at < 0 || waiting === undefined) return
    const { found } = waiting
    waiting = undefined
    found(seen.splice(0, at + 1)[at]!)
  }
  createInterface({ input: child.stdout }).on("line", (line) => {
    seen.push(JSON.parse(line) as Event)
    look()
  })

  return {
    type: (line) => void child.stdin.write(`${line}\n`),
    next: (kind) =>
      new Promise((resolve, reject) => {
        const name = args.slice(0, 3).join(" ")
        const timer = setTimeout(
          () => reject(new Error(`${name} did not say ${kind}, but ${JSON.stringify(seen)}`)),
          patienceMillis,
        )
        waiting = {
          kind,
          found: (event) => {
            clearTimeout(timer)
            resolve(event)
          },
        }
        look()
      }),
    end: () => {
      kill()
      return exited
    },
  }
}
