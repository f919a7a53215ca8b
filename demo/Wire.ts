/**
 * The wire between a peer and the server: a relay that passes every byte on as it is, and shows the lines.
 *
 * It listens at the peer's address and connects to the server from there, so that the server sees the peer where it is.
 */
import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"
import { createInterface } from "node:readline"

export class Wire {
  /** The lines that passed, marked with where they went: `> HELLO` to the server, `< HELLO` to the peer. */
  readonly lines: Array<string> = []
  private readonly server: Server
  private readonly sockets = new Set<Socket>()

  private constructor(address: string, port: number, show: (line: string) => void) {
    const pass = (from: Socket, to: Socket, direction: ">" | "<"): void => {
      this.sockets.add(from)
      // First shown, then passed on: what is shown is never late.
      const lines = createInterface({ input: from }).on("line", (text) => {
        const line = `${direction} ${text}`
        this.lines.push(line)
        show(line)
      })
      lines.on("error", () => to.destroy())
      from.pipe(to)
    }
    this.server = createServer((peer) => {
      const server = connect({ host: "127.0.0.1", port, localAddress: address })
      // Without a server there is nothing to pass on to.
      server.once("end", () => this.server.close())
      pass(peer, server, ">")
      pass(server, peer, "<")
    })
  }

  /** Listens at this address; passes on to the server's port. */
  static async open(address: string, port: number, show: (line: string) => void): Promise<Wire> {
    const wire = new Wire(address, port, show)
    wire.server.listen(0, address)
    await once(wire.server, "listening")
    return wire
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  cut(): void {
    this.server.close()
    for (const socket of this.sockets) socket.destroy()
  }
}
