/**
 * Two people find each other through a server and talk without it: three processes of `dist/nomitm.mjs`.
 *
 *     npm run demo
 *
 * Lines on TCP are shown as a relay between each peer and the server reads them. Datagrams on UDP go from peer to peer,
 * past everybody: each is shown when the peer that received it says so. Ends with 0 only if all of it happened.
 */
import { createSocket } from "node:dgram"
import { once } from "node:events"
import { networkInterfaces } from "node:os"
import { setTimeout as sleep } from "node:timers/promises"
import { styleText } from "node:util"
import { type Event, Program } from "./Program.ts"
import { Wire } from "./Wire.ts"

/** How long one thing that is waited for may take, in milliseconds. */
const patience = 8000

type Style = Parameters<typeof styleText>[0]
const paint = (style: Style, text: string): string => styleText(style, text, { stream: process.stdout })

let steps = 0
const step = (title: string): void => console.log(`\n${paint("bold", `${++steps}  ${title}`)}`)

const styles: Readonly<Record<string, Style>> = { alice: "cyan", bob: "magenta", server: "yellow" }
const column = (name: string): string => paint(styles[name]!, name.padEnd(6))

const say = (from: string, arrow: "──▶" | "◀──", to: string, wire: "TCP" | "UDP", what: string): void =>
  console.log(`   ${column(from)} ${arrow} ${column(to)}  ${paint("dim", wire)}  ${what}`)

/** Waits until `look` finds something. */
const until = async <A>(what: string, look: () => A | undefined): Promise<A> => {
  for (const end = performance.now() + patience; performance.now() < end; await sleep(5)) {
    const found = look()
    if (found !== undefined) return found
  }
  throw new Error(`This did not happen within ${patience / 1000} seconds: ${what}.`)
}

/** Waits for an event of a program, and that its fields are these. */
const expect = async (program: Program, name: string, fields: Omit<Event, "event"> = {}): Promise<Event> => {
  const event = await until(`${program.name} reports "${name}"`, () => {
    const found = program.take(name)
    if (found !== undefined || program.exitCode === undefined) return found
    const last = program.events.map((event) => JSON.stringify(event)).join(", ")
    throw new Error(`${program.name} ended with exit code ${program.exitCode} before it reported "${name}". ${last}`)
  })
  for (const [field, expected] of Object.entries(fields)) {
    if (JSON.stringify(event[field]) !== JSON.stringify(expected)) {
      throw new Error(`${program.name} should report ${JSON.stringify(fields)}, and reports ${JSON.stringify(event)}.`)
    }
  }
  return event
}

/** Waits until a line has passed on a wire. */
const passes = (wire: Wire, line: RegExp): Promise<string> =>
  until(`a line like ${line.source}`, () => wire.lines.find((passed) => line.test(passed)))

/** Two addresses of this machine: with one, both peers could not have the same UDP port. */
const twoAddresses = async (): Promise<readonly [string, string]> => {
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
  const [first, second] = usable
  if (first !== undefined && second !== undefined) return [first, second]
  throw new Error("The demo needs two IPv4 addresses on this machine. On macOS: sudo ifconfig lo0 alias 127.0.0.2")
}

const demo = async (): Promise<void> => {
  const [aliceAt, bobAt] = await twoAddresses()

  step("A server listens")
  const server = new Program("server", "server", "--bind", "127.0.0.1", "--port", "0")
  const { port } = await expect(server, "listening")
  console.log(`   ${column("server")} at 127.0.0.1:${port}`)

  const join = async (name: string, address: string): Promise<{ readonly wire: Wire; readonly peer: Program }> => {
    const wire = await Wire.open(address, port as number, (line) =>
      say(name, line.startsWith(">") ? "──▶" : "◀──", "server", "TCP", line.slice(2)),
    )
    const peer = new Program(name, "peer", name, "--server", `${address}:${wire.port}`, "--bind", address)
    await expect(peer, "registered", { name })
    await expect(server, "registered", { name })
    return { wire, peer }
  }

  step("Two peers register")
  const { peer: alice, wire: aliceWire } = await join("alice", aliceAt)
  const { peer: bob, wire: bobWire } = await join("bob", bobAt)

  step("alice asks who is online")
  alice.type("/list")
  await expect(alice, "users", { users: ["bob"] })

  step("alice calls bob: the server finds a UDP port that is free on both sides")
  alice.type("/chat bob")
  const [, agreed] = /(\d+) bob$/.exec(await passes(aliceWire, /^< STARTCHAT \S+ \d+ bob$/))!
  await passes(bobWire, new RegExp(`^< STARTCHAT \\S+ ${agreed} alice$`))

  step("Both send CONNECT to each other until they are heard: a path is open")
  await expect(alice, "connected", { peer: "bob", address: `${bobAt}:${agreed}` })
  say("alice", "◀──", "bob", "UDP", `alice hears bob from ${bobAt}:${agreed}`)
  await expect(bob, "connected", { peer: "alice", address: `${aliceAt}:${agreed}` })
  say("alice", "──▶", "bob", "UDP", `bob hears alice from ${aliceAt}:${agreed}`)

  step("They talk")
  const talk = async (from: Program, to: Program, text: string): Promise<void> => {
    from.type(text)
    await expect(to, "message", { from: from.name, text })
    say("alice", from === alice ? "──▶" : "◀──", "bob", "UDP", `"${text}"`)
  }
  await talk(alice, bob, "Hello Bob, can you hear me?")
  await talk(bob, alice, "Loud and clear. Is anybody else listening?")

  step("The server goes away, and the chat goes on: nobody is in the middle")
  server.child.kill("SIGTERM")
  await until("the server ends", () => server.exitCode)
  await expect(alice, "error", { code: "Server_lost" })
  await expect(bob, "error", { code: "Server_lost" })
  await talk(alice, bob, "Not even the server.")

  step("alice closes the chat, and both leave")
  alice.type("/close")
  await expect(alice, "closed", { peer: "bob", reason: "closed" })
  await expect(bob, "closed", { peer: "alice", reason: "closed_by_peer" })
  say("alice", "──▶", "bob", "UDP", "bob hears that alice ended the chat")
  for (const peer of [alice, bob]) {
    peer.type("/quit")
    if ((await until(`${peer.name} leaves`, () => peer.exitCode)) !== 0) {
      throw new Error(`${peer.name} ended with exit code ${peer.exitCode}.`)
    }
  }
  aliceWire.cut()
  bobWire.cut()
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130))
const start = performance.now()
try {
  await demo()
} catch (error) {
  console.error(`\n${paint("red", "The demo failed.")} ${error instanceof Error ? error.message : String(error)}`)
  process.exit(1)
}
console.log(`\n${paint("green", "All of it happened")}, in ${((performance.now() - start) / 1000).toFixed(1)} seconds.`)
console.log(paint("dim", "TCP as read on the wire; UDP as the peer that received it reports."))
