/**
 * A process of its own that is measured: a file in `programs/`, asked questions one at a time.
 */
import { fork } from "node:child_process"
import { join } from "node:path"

/** No answer takes longer. Milliseconds. */
const patienceMillis = 60_000

export interface Program {
  readonly ask: <A>(question: string, argument?: unknown) => Promise<A>
  /** Ends the process and waits until it has. */
  readonly end: () => Promise<void>
}

/** Starts a program and waits until it is ready. It ends with this process at the latest. */
export const start = async (
  file: string,
  args: ReadonlyArray<string> = [],
  nodeFlags: ReadonlyArray<string> = [],
): Promise<Program> => {
  const child = fork(join(import.meta.dirname, "programs", file), args, {
    execArgv: [...nodeFlags],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  })
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => resolve())
  })

  const answer = <A>(): Promise<A> =>
    new Promise((resolve, reject) => {
      const settle = (how: () => void): void => {
        clearTimeout(timer)
        child.off("message", onMessage)
        child.off("exit", onExit)
        how()
      }
      const onMessage = ({ answer }: { readonly answer: A }): void => settle(() => resolve(answer))
      const onExit = (): void => settle(() => reject(new Error(`${file} ended before it answered.`)))
      const timer = setTimeout(
        () => settle(() => reject(new Error(`${file} did not answer within ${patienceMillis / 1000} s.`))),
        patienceMillis,
      )
      child.on("message", onMessage)
      child.on("exit", onExit)
    })

  await answer()
  return {
    ask: (question, argument) => {
      child.send({ question, argument })
      return answer()
    },
    end: () => {
      child.disconnect()
      return exited
    },
  }
}
