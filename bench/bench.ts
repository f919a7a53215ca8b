/**
 * Measures the program beside raw floors of the same run: `npm run bench`.
 *
 *     npm run bench                      everything, about four minutes
 *     npm run bench -- --quick           a few seconds, to see that it works
 *     npm run bench -- lines datagrams   only these
 *
 * The table goes to standard output, all samples to `bench/results/latest.json` (`quick.json` of a quick run), or to
 * the file named with `--out`.
 */
import { mkdir, writeFile } from "node:fs/promises"
import { availableParallelism, cpus, loadavg } from "node:os"
import { dirname, join } from "node:path"
import { parseArgs } from "node:util"
import type { Figure } from "./Figure.ts"
import * as chats from "./figures/chats.ts"
import * as datagrams from "./figures/datagrams.ts"
import * as firstMessage from "./figures/firstMessage.ts"
import * as handshake from "./figures/handshake.ts"
import * as idleClients from "./figures/idleClients.ts"
import * as lines from "./figures/lines.ts"
import * as messages from "./figures/messages.ts"
import * as negotiations from "./figures/negotiations.ts"
import * as records from "./figures/records.ts"
import * as startup from "./figures/startup.ts"
import { table } from "./table.ts"

const groups = {
  startup,
  lines,
  negotiations,
  idleClients,
  datagrams,
  handshake,
  records,
  messages,
  chats,
  firstMessage,
}
const isGroup = (name: string): name is keyof typeof groups => Object.hasOwn(groups, name)

const notes = `Medians, and of the comparison the quartiles, of rounds in which both are measured after each other.
The server and the peers are composed as the command composes them, each in a process of its own, on loopback, in
plaintext where it doesn't say sealed; the server's limits on connections and on lines a second are lifted, they would throttle the load.
Resident memory is asked when V8 has given back its young generation; with that it is as the work has left it.`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: "boolean", default: false }, out: { type: "string" } },
})
const unknown = positionals.find((name) => !isGroup(name))
if (unknown !== undefined) {
  throw new Error(`There are no figures called ${unknown}: say ${Object.keys(groups).join(", ")} or nothing.`)
}
const chosen = positionals.length === 0 ? Object.keys(groups) : positionals
const out = values.out ?? join(import.meta.dirname, "results", values.quick ? "quick.json" : "latest.json")

const machine = {
  node: process.version,
  platform: `${process.platform}-${process.arch}`,
  processor: cpus()[0]?.model ?? "unknown",
  processors: availableParallelism(),
  /** How busy it was before the run: the average number of processes that wanted to run in the last minute. */
  load: loadavg()[0],
}

// What was started ends with it.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1))

const startedAt = performance.now()
const figures: Array<Figure> = []
for (const name of chosen.filter(isGroup)) {
  if (process.stderr.isTTY) process.stderr.write(`${name} …\n`)
  figures.push(...(await groups[name].measure(values.quick)))
}
const seconds = (performance.now() - startedAt) / 1000

await mkdir(dirname(out), { recursive: true })
await writeFile(out, `${JSON.stringify({ quick: values.quick, seconds, machine, notes, figures }, undefined, 2)}\n`)

process.stdout.write(`${table(figures)}\n\n${notes}
${figures.map(({ name, floorIs }) => `Floor of "${name}": ${floorIs}.`).join("\n")}
Node ${machine.node} on ${machine.processors} x ${machine.processor}, load ${machine.load?.toFixed(1)}; ${seconds.toFixed(0)} s; all samples in ${out}\n`)
