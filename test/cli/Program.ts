/**
 * The built command as a script runs it: standard streams are pipes, events are read as JSON.
 *
 * What is waited for has a deadline, and a failure shows everything that was printed until then. A program ends with
 * the block that declared it (`await using`).
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import * as Dgram from "node:dgram"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { isDeepStrictEqual } from "node:util"
import { afterAll, vi } from "vitest"
import { root } from "../../scripts/bundle.ts"

// Every wait has its own deadline; a test of many waits on a busy machine may take longer than other tests.
vi.setConfig({ testTimeout: 120_000 })

export const command = join(root, "dist/nomitm.mjs")

/** What the programs of a test file keep on disk lies in here, and is gone afterwards. */
const files = mkdtempSync(join(tmpdir(), "nomitm-cli-"))
afterAll(() => rmSync(files, { recursive: true }))

/** A new folder, 0700, for one profile, one server or one person's home. */
export const folder = (): string => mkdtempSync(join(files, "f-"))

/** How long a test waits for anything that takes no time on an idle machine, in milliseconds. A busy one has many. */
export const patience = 30_000

export interface Event {
  readonly event: string
  readonly [field: string]: unknown
}

export interface Options {
  readonly env?: Readonly<Record<string, string>>
  /** Another program than the command. */
  readonly file?: string
}

/** What the programs of a test inherit: nothing that changes what they do, and nobody's home but a new one. */
export const environment = (extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv => {
  const { PATH, TMPDIR } = process.env
  return { HOME: folder(), PATH, TMPDIR, ...extra }
}

export class Program implements AsyncDisposable {
  readonly child: ChildProcessWithoutNullStreams
  /** The exit code, or the signal that ended it. */
  readonly exit: Promise<number | NodeJS.Signals>
  stdout = ""
  stderr = ""
  readonly args: ReadonlyArray<string>
  private passed = 0
  private readonly watchers = new Set<() => void>()
  private exited = false

  constructor(args: ReadonlyArray<string>, options: Options = {}) {
    this.args = args
    this.child = spawn(process.execPath, [options.file ?? command, ...args], { env: environment(options.env) })
    const notice = (): void => {
      for (const watcher of this.watchers) watcher()
    }
    this.child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text
      notice()
    })
    this.child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text
      notice()
    })
    // A program that has ended takes no more input.
    this.child.stdin.on("error", () => {})
    this.exit = once(this.child, "close").then(([code, signal]) => {
      this.exited = true
      notice()
      return (code ?? signal) as number | NodeJS.Signals
    })
  }

  get lines(): ReadonlyArray<string> {
    return this.stdout.split("\n").slice(0, -1)
  }

  /** All events so far. */
  get events(): ReadonlyArray<Event> {
    return this.lines.map((line) => JSON.parse(line) as Event)
  }

  /** The texts that arrived so far. */
  get texts(): ReadonlyArray<unknown> {
    return this.events.filter(({ event }) => event === "message").map(({ text }) => text)
  }

  type(...lines: ReadonlyArray<string>): void {
    this.child.stdin.write(lines.map((line) => `${line}\n`).join(""))
  }

  /** The end of what is typed. */
  end(...lines: ReadonlyArray<string>): void {
    this.type(...lines)
    this.child.stdin.end()
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  /** Waits until `look` finds something. */
  async until<A>(what: string, look: () => A | undefined, within = patience): Promise<A> {
    const { promise, resolve, reject } = Promise.withResolvers<A>()
    const report = (why: string): Error =>
      new Error(`${why}: ${what}\n${["nomitm", ...this.args].join(" ")}\n${this.stdout}${this.stderr}`)
    const check = (): void => {
      const found = look()
      if (found !== undefined) resolve(found)
      else if (this.exited) reject(report("The program ended before"))
    }
    const timer = setTimeout(() => reject(report(`Not within ${within} ms`)), within)
    this.watchers.add(check)
    check()
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.watchers.delete(check)
    }
  }

  /** Waits for the next event of this name, whose fields are these; the ones before it are passed over. */
  event(name: string, fields: Readonly<Record<string, unknown>> = {}, within = patience): Promise<Event> {
    const expected = Object.entries(fields)
    return this.until(
      `${name} ${JSON.stringify(fields)}`,
      () => {
        const found = this.events.findIndex(
          (event, i) =>
            i >= this.passed &&
            event.event === name &&
            expected.every(([field, value]) => isDeepStrictEqual(event[field], value)),
        )
        if (found < 0) return undefined
        this.passed = found + 1
        return this.events[found]
      },
      within,
    )
  }

  /** Waits until this stands on standard output. */
  prints(text: string): Promise<true> {
    return this.until(JSON.stringify(text), () => this.stdout.includes(text) || undefined)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.exited) this.child.kill("SIGKILL")
    await this.exit
  }
}

/** Runs the command with this standard input to its end. */
export const run = async (
  args: ReadonlyArray<string>,
  options: Options & { readonly input?: string | Uint8Array } = {},
): Promise<{ readonly code: number | NodeJS.Signals; readonly stdout: string; readonly stderr: string }> => {
  await using program = new Program(args, options)
  program.child.stdin.end(options.input ?? "")
  const timer = setTimeout(() => program.signal("SIGKILL"), 2 * patience)
  const code = await program.exit
  clearTimeout(timer)
  return { code, stdout: program.stdout, stderr: program.stderr }
}

/** Where the people of a test live: loopback addresses of their own, so that both may use one port number. */
export const addresses = { server: "127.0.0.1", alice: "127.0.0.2", bob: "127.0.0.3", carol: "127.0.0.4" } as const
export type Person = Exclude<keyof typeof addresses, "server">

/**
 * For a server at a TCP port that is given: of the UDP ports beside it, which it would take by itself, nobody knows
 * whether they are free.
 */
export const anyUdpPorts = ["--udp-ports", "0,0"] as const

/** A server that speaks the seed's plaintext. */
export class Server extends Program {
  /** Where it listens. */
  address = ""

  static async start(...args: ReadonlyArray<string>): Promise<Server> {
    const port = args.includes("--port") ? [] : ["--port", "0"]
    const own = ["--bind", addresses.server, "--data", folder(), ...anyUdpPorts, "--json", "--plaintext"]
    const server = new Server(["server", ...own, ...port, ...args])
    const { host, port: chosen } = await server.event("listening")
    server.address = `${host as string}:${chosen as number}`
    return server
  }

  /** The command line of a peer at this server. */
  reach(name: Person, ...args: ReadonlyArray<string>): ReadonlyArray<string> {
    return ["peer", name, "--plaintext", "--server", this.address, "--bind", addresses[name], ...args]
  }

  /** A peer at this server, online, for a script. */
  async peer(name: Person, ...args: ReadonlyArray<string>): Promise<Program> {
    const peer = new Program(this.reach(name, "--json", ...args))
    await peer.event("registered", { name })
    return peer
  }
}

/** A UDP port that nobody uses at this address. */
export const freePort = async (address: string): Promise<number> => {
  const socket = Dgram.createSocket("udp4")
  socket.bind(0, address)
  await once(socket, "listening")
  const { port } = socket.address()
  socket.close()
  await once(socket, "close")
  return port
}

/** alice calls bob and both are connected. */
export const connect = async (alice: Program, bob: Program): Promise<void> => {
  alice.type("/chat bob")
  await Promise.all([alice.event("connected", { peer: "bob" }), bob.event("connected", { peer: "alice" })])
}
