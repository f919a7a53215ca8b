/**
 * A laboratory of real NATs: Linux network namespaces, built by `natlab.py`, with processes in its hosts.
 *
 *      a1 ──┐                  203.0.113.1                 ┌── b1
 *           ├─ r-a ═══ wan ═══ 6 hops, public ═══ wan ═══ r-b ─┤
 *      a2 ──┘   NAT of a kind        ║            NAT      └── b2
 *                                   srv
 *                     203.0.113.10, .11, 2001:db8::10
 *
 * What `natlab.py` can build stands at its top. A laboratory has no way out of itself. It ends with the block that
 * declared it (`await using`), with every process inside; one that a killed run left behind goes when the next starts.
 */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { readdirSync } from "node:fs"
import { join } from "node:path"

const program = join(import.meta.dirname, "natlab.py")

/** Names of ours start with it; then the id of the process whose laboratory it is. */
const prefix = "nomitm"

/** Nothing here takes longer on a busy machine. Milliseconds. */
const patience = 60_000

/** The server's host: its addresses, the first of which peers are told. */
export const server = { host: "srv", address: "203.0.113.10", other: "203.0.113.11" } as const

/** Runs a program to its end, and fails with what it printed unless it ends with 0. */
const run = async (file: string, args: ReadonlyArray<string>): Promise<string> => {
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"], timeout: patience, killSignal: "SIGKILL" })
  let stdout = ""
  let stderr = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text
  })
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null]
  if (code !== 0) throw new Error(`${[file, ...args].join(" ")} ended with ${code ?? signal}:\n${stdout}${stderr}`)
  return stdout
}

/** What the shell finds as `python3` may be a script that looks for it at each start, for longer than it then runs. */
export const python: string =
  spawnSync("python3", ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" }).stdout?.trim() || "python3"

const natlab = (...args: ReadonlyArray<string>): Promise<string> => run(python, [program, ...args])

/** Why there can be no laboratory here, in one line; nothing where there can. Builds a small one to find out. */
export const whyNot = async (): Promise<string | undefined> => {
  if (process.platform !== "linux") return "it needs Linux"
  if (process.getuid?.() !== 0) return "it needs root"
  for (const [tool, debianPackage] of [
    ["ip", "iproute2"],
    ["bridge", "iproute2"],
    ["nft", "nftables"],
    ["nsenter", "util-linux"],
    [python, "python3"],
    ["miniupnpd", "miniupnpd-nftables"],
  ] as const) {
    if (spawnSync(tool, ["--version"], { stdio: "ignore" }).error !== undefined) {
      return `it needs ${tool} (Debian's package ${debianPackage})`
    }
  }
  try {
    await using laboratory = await Laboratory.build(["a=eim:delay=1", "b=portrestr"])
    await laboratory.forget("a")
    return undefined
  } catch (error) {
    // What Python's traceback comes to; or else the last line.
    const text = String(error)
    const [, reason = "unknown"] = /\n\w*Error: ([^\n]*\S)/.exec(text) ?? /([^\n]*\S)\s*$/.exec(text) ?? []
    return `building one fails: ${reason}`
  }
}

const living = new Set<Laboratory>()
let built = 0

// Whatever ends this process, what it built goes with it.
process.once("exit", () => {
  for (const { name } of living) spawnSync(python, [program, "down", "-n", name], { timeout: patience })
})

/** Removes what runs left behind that were killed. */
const removeLeftovers = async (): Promise<void> => {
  for (const file of readdirSync("/run")) {
    const [, name, pid] = new RegExp(`^nl-(${prefix}([0-9]+)x[0-9]+)\\.json$`).exec(file) ?? []
    if (name !== undefined && !isAlive(Number(pid))) await natlab("down", "-n", name)
  }
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH"
  }
}

export class Laboratory implements AsyncDisposable {
  readonly name: string

  private constructor() {
    built++
    this.name = `${prefix}${process.pid}x${built}`
  }

  /** @param sites in `natlab.py`'s words: `a=portrestr:delay=20` */
  static async build(sites: ReadonlyArray<string>): Promise<Laboratory> {
    if (built === 0) await removeLeftovers()
    const laboratory = new Laboratory()
    living.add(laboratory)
    try {
      await natlab("up", "-n", laboratory.name, ...sites)
    } catch (error) {
      await laboratory[Symbol.asyncDispose]()
      throw error
    }
    return laboratory
  }

  /** The command line that enters a host: `a1`, `srv`, or the router `r-a`. */
  private enter(host: string): ReadonlyArray<string> {
    return [`--net=/run/netns/nl-${this.name}-${host}`]
  }

  /** Starts a program in a host; its standard streams are pipes. It ends with the laboratory at the latest. */
  spawn(host: string, argv: ReadonlyArray<string>, env: NodeJS.ProcessEnv): ChildProcessWithoutNullStreams {
    return spawn("nsenter", [...this.enter(host), ...argv], { env })
  }

  /** Runs a shell script in a host, until its first failure. Returns what it printed. */
  sh(host: string, script: string): Promise<string> {
    return run("nsenter", [...this.enter(host), "sh", "-ec", script])
  }

  /** UDP datagrams that the host has sent so far, IPv4 and IPv6, whether or not they live long enough to arrive. */
  async datagramsSent(host: string): Promise<number> {
    const text = await this.sh(host, "cat /proc/net/snmp /proc/net/snmp6")
    const [names = [], counts = []] = [...text.matchAll(/^Udp: (.*)$/gm)].map(([, words = ""]) => words.split(" "))
    const v4 = Number(counts[names.indexOf("OutDatagrams")])
    const v6 = Number(/^Udp6OutDatagrams\s+(\d+)$/m.exec(text)?.[1] ?? 0)
    if (!Number.isSafeInteger(v4 + v6)) throw new Error(`No count of datagrams in ${text}`)
    return v4 + v6
  }

  /** The site's router forgets every mapping and every connection, of TCP too. */
  async forget(site: string): Promise<void> {
    await natlab("forget", "-n", this.name, site)
  }

  /** Nothing on UDP passes the site's router any more; TCP does. */
  async blockUdp(site: string): Promise<void> {
    await this.sh(`r-${site}`, "nft insert rule ip nl forward meta l4proto udp drop")
  }

  /** UDP passes again. */
  async allowUdp(site: string): Promise<void> {
    const handle = "nft -a list chain ip nl forward | sed -n 's/.*udp drop # handle //p'"
    await this.sh(`r-${site}`, `nft delete rule ip nl forward handle $(${handle})`)
  }

  /** The site's router is off for a while, and has then forgotten everything. */
  async restart(site: string, offMillis: number): Promise<void> {
    await this.sh(`r-${site}`, "ip link set wan down")
    await this.forget(site)
    await new Promise((resolve) => setTimeout(resolve, offMillis))
    await this.sh(`r-${site}`, `ip link set wan up; ${routes}`)
  }

  /** The site's provider gives its router another address. */
  async renumberRouter(site: string, address: string): Promise<void> {
    await this.sh(`r-${site}`, `ip addr flush dev wan scope global; ip addr add ${address}/32 dev wan; ${routes}`)
  }

  /** The host gets another address in its LAN. */
  async renumberHost(host: string, prefix: string, last: number): Promise<void> {
    const own = `ip addr flush dev eth0 scope global; ip addr add ${prefix}.${last}/24 dev eth0`
    await this.sh(host, `${own}; ip route add default via ${prefix}.1`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await natlab("down", "-n", this.name)
    living.delete(this)
  }
}

/** What a router loses of its way out with its address. */
const routes = "ip route replace 203.0.113.1 dev wan; ip route replace default via 203.0.113.1"
