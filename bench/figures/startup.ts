/**
 * How long a person waits for `nomitm --help`: whole processes, one after another.
 */
import { spawn } from "node:child_process"
import { join } from "node:path"
import * as Figure from "../Figure.ts"

const command = join(import.meta.dirname, "../../dist/nomitm.mjs")

export const measure = async (quick: boolean): Promise<ReadonlyArray<Figure.Figure>> => {
  const rounds = await Figure.inTurns(
    quick ? 3 : 25,
    () => millisToRun([command, "--help"]),
    () => millisToRun(["-e", "0"]),
  )
  return [
    Figure.make(
      {
        id: "help",
        name: "--help",
        unit: "ms",
        floorIs: "node -e 0",
        relation: "times",
        target: { bound: "at most", value: 4 },
      },
      rounds,
    ),
  ]
}

const millisToRun = (args: ReadonlyArray<string>): Promise<number> =>
  new Promise((resolve, reject) => {
    const startedAt = performance.now()
    const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"], timeout: 30_000 })
    child.on("error", reject)
    child.on("exit", (code) => {
      if (code === 0) resolve(performance.now() - startedAt)
      else reject(new Error(`node ${args.join(" ")} exited with ${code}. Has the command been built?`))
    })
  })
