/**
 * A server over TLS, and peers with keys, as scripts run them.
 */
import { join } from "node:path"
import { addresses, anyUdpPorts, folder, Program, type Person } from "./Program.ts"
import type { Terminal } from "./Terminal.ts"

/** Where a person's keys are, through all of one test. */
export class Homes {
  private readonly known = new Map<string, string>()

  of(name: string): string {
    const home = this.known.get(name) ?? folder()
    this.known.set(name, home)
    return home
  }
}

export interface Place {
  /** The folder of its own; a new one without it. */
  readonly data?: string
  readonly port?: number
}

export class SealedServer extends Program {
  readonly data: string
  /** Where it listens, as `host:port`. */
  address = ""
  port = 0
  /** The fingerprint of its key. */
  pin = ""
  /** Both together, as people pass it on. */
  url = ""

  private constructor(data: string, args: ReadonlyArray<string>) {
    super(args)
    this.data = data
  }

  static async start({ data = folder(), port = 0 }: Place = {}, ...args: ReadonlyArray<string>): Promise<SealedServer> {
    const own = ["server", "--bind", addresses.server, "--port", String(port), ...anyUdpPorts, "--data", data, "--json"]
    const server = new SealedServer(data, [...own, ...args])
    const { port: chosen, url } = await server.event("listening")
    server.port = chosen as number
    server.address = `${addresses.server}:${server.port}`
    server.url = url as string
    server.pin = server.url.slice(server.url.indexOf("#") + 1)
    return server
  }
}

/** The command line of a peer with keys. */
export const reach = (server: string, homes: Homes, name: Person, ...args: ReadonlyArray<string>) => {
  const own = ["--home", homes.of(name), "--bind", addresses[name]]
  return ["peer", name, "--server", server, ...own, ...args]
}

/** A peer with keys, online, for a script. */
export const online = async (
  server: string,
  homes: Homes,
  name: Person,
  ...args: ReadonlyArray<string>
): Promise<Program> => {
  const peer = new Program(reach(server, homes, name, "--json", ...args))
  await peer.event("registered", { name })
  return peer
}

/** One calls the other, who takes it unasked, or says yes. */
export const call = async (
  caller: Program,
  called: Program,
  [callerName, calledName]: readonly [string, string],
): Promise<void> => {
  caller.type(`/chat ${calledName}`)
  await Promise.all([caller.event("connected", { peer: calledName }), called.event("connected", { peer: callerName })])
}

/** Waits until what these say in their first chat goes past the server. */
export const pastServer = (...peers: ReadonlyArray<Program>): Promise<unknown> =>
  Promise.all(
    peers.map((peer) =>
      peer.until(
        "a path past the server",
        () =>
          peer.events.some(({ event, kind }) => event === "path" && kind !== "relay" && kind !== "none") || undefined,
      ),
    ),
  )

/**
 * The rows of a screen without what depends on how quick the machine is: the path in front of the input with its round
 * trip time, how many texts are on the way, and the lines that say that the path has changed.
 */
export const withoutPaths = (screen: ReadonlyArray<string>): ReadonlyArray<string> =>
  screen
    .filter((row) => !/^\* (?:In the same network|Directly|Over the relay)/.test(row))
    .map((row) =>
      row.replace(/^(to \S+ \[\w+\]), (?:lan|direct|mapped|relay)(?: [\d.]+ m?s)?(?:, \d+ on the way)?>/, "$1>"),
    )

/** Waits until the last rows of a person's screen are these, apart from paths. */
export const endsWith = (terminal: Terminal, ...rows: ReadonlyArray<string>): Promise<void> =>
  terminal.until(`at the end of the screen\n${rows.join("\n")}`, (screen) => {
    const last = withoutPaths(screen).slice(-rows.length)
    return last.length === rows.length && last.every((row, i) => row === rows[i]!.trimEnd())
  })

/** For a program on a machine that sleeps for an hour at SIGUSR2. */
export const onSleepingMachine = { env: { NODE_OPTIONS: `--import=${join(import.meta.dirname, "sleeping.ts")}` } }

/** They sleep for an hour, and have noticed it. */
const sleep = async (...programs: ReadonlyArray<Program>): Promise<void> => {
  for (const program of programs) {
    const before = program.stderr.length
    program.signal("SIGUSR2")
    await program.until("an hour has passed", () => program.stderr.includes("passed", before) || undefined)
  }
}

/** One of two in a chat sleeps for an hour, then both: what they say arrives, until one of them ends it. */
export const sleepAndTalk = async (alice: Program, bob: Program): Promise<void> => {
  await sleep(bob)
  bob.type("good morning")
  await alice.event("message", { text: "good morning" })
  alice.type("and to you")
  await bob.event("message", { text: "and to you" })
  await sleep(alice, bob)
  for (const one of [alice, bob]) one.type("once more")
  await alice.event("message", { text: "once more" })
  await bob.event("message", { text: "once more" })
  alice.type("/close")
  await bob.event("closed", { reason: "closed_by_peer" })
}
