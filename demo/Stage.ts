/**
 * What both demos are played on: numbered steps, lines that say who said what to whom on which wire, and waits for what
 * must happen. A step that does not happen ends the demo.
 */
import { createSocket } from "node:dgram"
import { once } from "node:events"
import { networkInterfaces } from "node:os"
import { setTimeout as sleep } from "node:timers/promises"
import { styleText } from "node:util"
import type { Event, Program } from "./Program.ts"

/** How long one thing that is waited for may take, in milliseconds. */
const patience = 45_000

type Style = Parameters<typeof styleText>[0]
export const paint = (style: Style, text: string): string => styleText(style, text, { stream: process.stdout })

let steps = 0
export const step = (title: string): void => console.log(`\n${paint("bold", `${++steps}  ${title}`)}`)

const styles: Readonly<Record<string, Style>> = {
  alice: "cyan",
  bob: "magenta",
  carol: "green",
  mallory: "red",
  server: "yellow",
}
const column = (name: string): string => paint(styles[name] ?? "bold", name.padEnd(7))

export const say = (from: string, arrow: "──▶" | "◀──", to: string, wire: "TCP" | "TLS" | "UDP", what: string): void =>
  console.log(`   ${column(from)} ${arrow} ${column(to)} ${paint("dim", wire)}  ${what}`)

/** What somebody sees. */
export const note = (who: string, what: string): void => console.log(`   ${column(who)} ${what}`)

/** Waits until `look` finds something. */
export const until = async <A>(what: string, look: () => A | undefined): Promise<A> => {
  for (const end = performance.now() + patience; performance.now() < end; await sleep(5)) {
    const found = look()
    if (found !== undefined) return found
  }
  throw new Error(`This did not happen within ${patience / 1000} seconds: ${what}.`)
}

export const isSame = (what: string, one: unknown, other: unknown): void => {
  if (JSON.stringify(one) === JSON.stringify(other)) return
  throw new Error(`${what}: ${JSON.stringify(one)} should be the same as ${JSON.stringify(other)}.`)
}

/** Waits for an event of a program, and that its fields are these. */
export const expect = async (program: Program, name: string, fields: Omit<Event, "event"> = {}): Promise<Event> => {
  const event = await until(`${program.name} reports "${name}"`, () => {
    const found = program.take(name)
    if (found !== undefined || program.exitCode === undefined) return found
    const last = program.events.map((event) => JSON.stringify(event)).join(", ")
    throw new Error(`${program.name} ended with exit code ${program.exitCode} before it reported "${name}". ${last}`)
  })
  for (const [field, expected] of Object.entries(fields)) {
    isSame(`${program.name} reports ${JSON.stringify(event)}, where its ${field}`, event[field], expected)
  }
  return event
}

/** Ends a peer, and waits for this exit code. */
export const leave = async (peer: Program, expected = 0): Promise<void> => {
  peer.type("/quit")
  isSame(`The exit code of ${peer.name}`, await until(`${peer.name} leaves`, () => peer.exitCode), expected)
}

/** Addresses of this machine: on one of them, two programs could not have the same UDP port. */
export const addresses = async (count: number): Promise<ReadonlyArray<string>> => {
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  const others = own.filter(({ family, internal }) => family === "IPv4" && !internal).map(({ address }) => address)
  const usable: Array<string> = []
  for (const address of ["127.0.0.2", "127.0.0.3", "127.0.0.1", ...others]) {
    const socket = createSocket("udp4")
    socket.bind(0, address)
    await once(socket, "listening").then(
      () => usable.push(address),
      () => {},
    )
    socket.close()
  }
  if (usable.length >= count) return usable.slice(0, count)
  throw new Error(
    `The demo needs ${count} IPv4 addresses on this machine. On macOS: ` +
      "sudo ifconfig lo0 alias 127.0.0.2; sudo ifconfig lo0 alias 127.0.0.3",
  )
}
