/**
 * The wire between a peer and the server: a relay that passes every byte on as it is, and shows it before.
 *
 * It listens at an address and connects to the server from there, so that the server takes it for where the peer is.
 */
import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"

/** To the server, or to the peer. */
export type Direction = ">" | "<"

export class Wire {
  private readonly server: Server
  private readonly sockets = new Set<Socket>()

  private constructor(address: string, port: number, show: (direction: Direction, bytes: Buffer) => void) {
    const pass = (from: Socket, to: Socket, direction: Direction): void => {
      this.sockets.add(from)
      // First shown, then passed on: what is shown is never late.
      from.on("data", (bytes: Buffer) => show(direction, bytes))
      from.on("error", () => to.destroy())
      from.on("close", () => this.sockets.delete(from))
      from.pipe(to)
    }
    this.server = createServer((peer) => {
      const server = connect({ host: "127.0.0.1", port, localAddress: address })
      pass(peer, server, ">")
      pass(server, peer, "<")
    })
  }

  /** Listens at this address; passes on to the server's port. */
  static async open(address: string, port: number, show: (direction: Direction, bytes: Buffer) => void): Promise<Wire> {
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
