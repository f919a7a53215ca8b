/**
 * SIGHUP as servers know it: read again what may have changed. A server in a terminal gets it when that is closed, too,
 * and then it means to leave; the two are told apart by whether the terminal is still there.
 */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Fs from "node:fs"

/** Whether the process has a terminal that somebody sits at. */
const hasTerminal = (): boolean => {
  try {
    Fs.closeSync(Fs.openSync("/dev/tty", "r"))
    return true
  } catch {
    return false
  }
}

/** Runs `reload` at each SIGHUP, as long as the scope lasts; what else listened for it is told of a closed terminal only. */
export const onHangup = Effect.fnUntraced(function* <R>(reload: Effect.Effect<void, never, R>) {
  const run = yield* FiberSet.makeRuntime<R, void, never>()
  const started = hasTerminal()
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      const others = process.listeners("SIGHUP")
      const listener = (signal: NodeJS.Signals): void => {
        if (started && !hasTerminal()) for (const other of others) other(signal)
        else run(reload)
      }
      for (const other of others) process.off("SIGHUP", other)
      process.on("SIGHUP", listener)
      return { listener, others }
    }),
    ({ listener, others }) =>
      Effect.sync(() => {
        for (const other of others) process.on("SIGHUP", other)
        process.off("SIGHUP", listener)
      }),
  )
})
