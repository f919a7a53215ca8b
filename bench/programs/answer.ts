/**
 * The measured side of `../Program.ts`: answers questions until the process that asks them is gone.
 */
import { setTimeout as sleep } from "node:timers/promises"

/** In bytes. */
export interface Memory {
  /**
   * Resident memory when V8 has given back what it can do without. Most of that is its young generation, which is nobody's
   * in particular: it grows with how fast things come, to 64 MB however many of them stay, and a program gives it back by
   * itself when it has been at rest for a while.
   */
  readonly rss: number
  /** Resident memory before that, as the work has left it. */
  readonly rssAtOnce: number
  /** Of `rss` the JavaScript heap that is in use, and the buffers beside it. */
  readonly heap: number
}

/** Every program knows these. */
const common: Record<string, () => unknown> = {
  /** The processor time used so far, in microseconds. */
  cpu: () => {
    const { system, user } = process.cpuUsage()
    return system + user
  },
  memory: settledMemory,
}

async function settledMemory(): Promise<Memory> {
  const { rss: rssAtOnce } = process.memoryUsage()
  for (let i = 0; i < 4; i++) {
    // In a process started with --expose-gc. The flavour is what V8 does when memory is short.
    globalThis.gc?.({ type: "major", execution: "sync", flavor: "last-resort" })
    await sleep(100)
  }
  const { external, heapUsed, rss } = process.memoryUsage()
  return { rss, rssAtOnce, heap: heapUsed + external }
}

/** Says that the program is ready, and answers. */
export const answer = (answers: Readonly<Record<string, (argument: never) => unknown>>): void => {
  const all: Readonly<Record<string, (argument: never) => unknown>> = { ...common, ...answers }
  process.on("message", ({ question, argument }: { readonly question: string; readonly argument: never }) => {
    const found = all[question]
    if (found === undefined) throw new Error(`No answer to ${question}.`)
    void Promise.resolve(found(argument)).then((answer) => process.send?.({ answer }))
  })
  process.on("disconnect", () => process.exit())
  process.send?.({ answer: "ready" })
}
