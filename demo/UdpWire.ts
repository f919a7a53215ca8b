/**
 * The wire between two peers: a relay at the address where both take the other to be, since that is where the server has
 * seen them. It passes every datagram on as it is, and shows it before.
 */
import { createSocket, type Socket } from "node:dgram"
import { once } from "node:events"

export interface End {
  readonly name: string
  readonly address: string
}

export class UdpWire {
  private readonly socket: Socket = createSocket("udp4")

  /** Binds this port at this address; the two ends have the same one at theirs. */
  static async open(
    address: string,
    port: number,
    ends: readonly [End, End],
    show: (from: End, to: End, datagram: Buffer) => void,
  ): Promise<UdpWire> {
    const wire = new UdpWire()
    wire.socket.on("message", (datagram, from) => {
      const sender = ends.findIndex((end) => end.address === from.address)
      if (sender < 0) return
      const receiver = ends[sender === 0 ? 1 : 0]
      show(ends[sender]!, receiver, datagram)
      wire.socket.send(datagram, port, receiver.address)
    })
    wire.socket.bind(port, address)
    await once(wire.socket, "listening")
    return wire
  }

  cut(): void {
    this.socket.close()
  }
}
