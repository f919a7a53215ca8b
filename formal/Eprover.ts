/** Runs E, a prover for first-order logic with equality (https://www.eprover.org; Debian's package `eprover`). */
import { spawn } from "node:child_process"

/** Seconds of processor time, and MiB of memory, that a question may take. */
const cpuSeconds = 60
const memoryMegabytes = 2048

/**
 * - `reached`: E derived the goal from the rules.
 * - `unreachable`: E has drawn every conclusion that the rules allow, up to redundancy, and the goal is not among them.
 * - `unknown`: neither, within the bounds.
 */
export type Verdict = "reached" | "unreachable" | "unknown"

/** The prover isn't there. */
export class Missing extends Error {}

/** What E's output says (the SZS ontology: http://www.tptp.org/cgi-bin/SeeTPTP?Category=Documents&File=SZSOntology). */
export const verdict = (output: string): Verdict => {
  const status = /^# SZS status (\w+)/m.exec(output)?.[1]
  if (status === "Unsatisfiable") return "reached"
  return status === "Satisfiable" ? "unreachable" : "unknown"
}

/**
 * A term ordering and a selection of literals with which these problems saturate in a second or so; E's own choice
 * (`--auto`) depends on its version, and does not end on some of them. Neither loses a conclusion.
 */
const strategy = ["--term-ordering=KBO6", "--literal-selection-strategy=SelectNewComplexAHP"]

/** Asks E about a file of clauses. */
export const ask = (file: string): Promise<Verdict> =>
  new Promise((resolve, reject) => {
    const limits = [`--cpu-limit=${cpuSeconds}`, `--memory-limit=${memoryMegabytes}`]
    const child = spawn("eprover", ["--silent", ...strategy, ...limits, file], { stdio: ["ignore", "pipe", "ignore"] })
    // Where the machine is too busy to give it the processor.
    const overdue = setTimeout(() => child.kill("SIGKILL"), 5 * cpuSeconds * 1000)
    let output = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text
    })
    child.on("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(overdue)
      reject(error.code === "ENOENT" ? new Missing("eprover is not installed") : error)
    })
    child.on("close", () => {
      clearTimeout(overdue)
      resolve(verdict(output))
    })
  })
