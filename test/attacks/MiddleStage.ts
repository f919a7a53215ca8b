/**
 * A server, a man in the middle before it, and people who reach the server through him: processes all of them.
 */
import { join } from "node:path"
import { readFileSync } from "node:fs"
import { call, Homes, online, type SealedServer } from "../cli/Sealed.ts"
import { addresses, type Event, folder, freePort, type Person, Program } from "../cli/Program.ts"
import type { Order, Setting, TcpMode } from "./manInTheMiddle.ts"

const at = "127.0.0.9"

export interface Report {
  /** What peers said in clear, or within TLS that ended in the middle. */
  readonly heard: string
  /** What the server answered to that. */
  readonly answered: string
  /** The first six bytes of each connection that was not handed on, in hexadecimal. */
  readonly openings: ReadonlyArray<string>
  /** Bytes that were sent from another address, and that came there. */
  readonly spoofed: { readonly sent: number; readonly received: number }
  readonly bytes: number
}

export class Middle extends Program {
  private readonly setting: Setting
  readonly server: SealedServer
  readonly homes = new Homes()
  /** The server's address as people think it is, which is that of the man in the middle. */
  address = ""
  /** The key he has for TLS of his own. */
  key = ""

  private constructor(server: SealedServer, setting: Setting) {
    super([JSON.stringify(setting)], { file: join(import.meta.dirname, "manInTheMiddle.ts") })
    this.server = server
    this.setting = setting
  }

  static async before(server: SealedServer): Promise<Middle> {
    const ends = [addresses.alice, addresses.bob] as const
    const capture = join(folder(), "capture")
    const middle = new Middle(server, { at, elsewhere: "127.0.0.10", serverPort: server.port, ends, capture })
    const { port, key } = await middle.event("listening")
    middle.address = `${at}:${port as number}`
    middle.key = key as string
    return middle
  }

  /** The address with the server's true pin. */
  get url(): string {
    return `nomitm://${this.address}#${this.server.pin}`
  }

  private async order(order: Order): Promise<void> {
    this.type(JSON.stringify(order))
    if (order.do !== "report") await this.event("ready")
  }

  tcp(mode: TcpMode): Promise<void> {
    return this.order({ do: "tcp", mode })
  }

  /** He sits between the two as soon as the server has named their port. */
  async udp(mode: "pass" | "attack"): Promise<void> {
    const { port } = await this.server.event("chat")
    await this.order({ do: "udp", port: port as number, mode })
  }

  /**
   * Two who type each other's address, and that is his. Those whom a server brings together tell each other other ones, if
   * they are on one machine: past him.
   */
  async direct(mode: "pass" | "attack"): Promise<readonly [Program, Program]> {
    const port = await freePort(at)
    await this.order({ do: "udp", port, mode })
    const start = (name: "alice" | "bob") => {
      const own = ["--home", this.homes.of(name), "--bind", addresses[name], "--accept", "anyone"]
      return new Program(["peer", name, "--direct", `${at}:${port}`, ...own, "--json"])
    }
    const [alice, bob] = [start("alice"), start("bob")]
    await Promise.all([alice.event("connected"), bob.event("connected")])
    return [alice, bob]
  }

  async report(): Promise<Report> {
    await this.order({ do: "report" })
    return (await this.event("report")) as Event & Report
  }

  /** All that has passed, stream by stream. */
  async captured(): Promise<Buffer> {
    await this.report()
    return readFileSync(this.setting.capture)
  }

  /** Somebody who reaches the server through him. */
  join(name: Person, ...args: ReadonlyArray<string>): Promise<Program> {
    return online(this.url, this.homes, name, "--accept", "anyone", ...args)
  }

  /** alice calls bob, and he is between them from the start. */
  async connect(alice: Program, bob: Program, mode: "pass" | "attack"): Promise<void> {
    await Promise.all([this.udp(mode), call(alice, bob, ["alice", "bob"])])
  }
}
