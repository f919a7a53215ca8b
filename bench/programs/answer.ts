/**
 * The measured side of `../Program.ts`: answers questions until the process that asks them is gone.
 */
import { setTimeout as sleep } from "node:timers/promises"

export interface Memory {
  /** Resident memory, in bytes. */
  readonly rss: number
  /** Of it the JavaScript heap that is in use, and the buffers beside it, in bytes. */
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
  for (let i = 0; i < 4; i++) {
    // In a process started with --expose-gc.
    globalThis.gc?.()
    await sleep(100)
  }
  const { external, heapUsed, rss } = process.memoryUsage()
  return { rss, heap: heapUsed + external }
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
