/**
 * A host of the network: its addresses, where it is attached, who holds its ports, and whether it is up.
 */
import type { Endpoint } from "../../domain/Endpoint.ts"
import { isIpv6 } from "../../domain/Endpoint.ts"
import { isUnspecified, PortTable } from "./PortTable.ts"
import type { Datagram, Reception, Segment, Station, Wires } from "./Segment.ts"
import type { StreamEnd } from "./StreamEnd.ts"

/** Who waits for connections at a port; false if no more can wait. */
export type Knocked = (end: StreamEnd) => boolean

/** Who receives datagrams at a port. */
export type Receiver = (datagram: Uint8Array, from: Endpoint) => void

export interface Receiving {
  handler: Receiver | undefined
}

const loopback: ReadonlySet<string> = new Set(["127.0.0.1", "::1"])

export class HostStation implements Station {
  readonly name: string
  readonly wires: Wires
  readonly datagramPorts = new PortTable<Receiving>()
  readonly streamPorts = new PortTable<Knocked>()
  segment: Segment
  addresses: ReadonlyArray<string> = []
  isUp = true

  constructor(wires: Wires, name: string, segment: Segment, addresses: ReadonlyArray<string>) {
    this.wires = wires
    this.name = name
    this.segment = segment
    this.join(segment, addresses)
  }

  /** Leaves its segment for another one, or for other addresses in the same. Throws if one of them is taken. */
  move(segment: Segment, addresses: ReadonlyArray<string>): void {
    this.segment.detach(this, this.addresses)
    this.join(segment, addresses)
  }

  /** Whether the address is the host's now; the unspecified ones always are. */
  has(address: string): boolean {
    return isUnspecified(address) || this.owns(address)
  }

  /** The source of what goes to an address, for a socket that is bound to `bound`. None if there is no way. */
  sourceFor(bound: string, destination: string): string | undefined {
    if (!isUnspecified(bound)) {
      return this.owns(bound) && isIpv6(bound) === isIpv6(destination) ? bound : undefined
    }
    if (bound === "0.0.0.0" && isIpv6(destination)) return undefined
    if (this.owns(destination)) return destination
    return this.addresses.find((address) => isIpv6(address) === isIpv6(destination))
  }

  send(datagram: Datagram): void {
    this.wires.report("Sent", datagram)
    if (!this.isUp) return this.wires.report("Dropped", datagram, "HostDown")
    if (!this.owns(datagram.destination.address)) return this.segment.carry(this, datagram)
    this.wires.launch(this.wires.timeline.now(), datagram, () => this.arrive(datagram))
  }

  arrive(datagram: Datagram): void {
    if (!this.isUp) return this.wires.report("Dropped", datagram, "HostDown")
    const receiving = this.owns(datagram.destination.address)
      ? this.datagramPorts.holder(datagram.destination)
      : undefined
    if (receiving?.handler === undefined) return this.wires.report("Dropped", datagram, "NobodyThere")
    this.wires.report("Delivered", datagram)
    receiving.handler(datagram.payload, datagram.source)
  }

  knock(to: Endpoint, end: StreamEnd): Reception {
    if (!this.isUp || !this.owns(to.address)) return "Silence"
    return this.streamPorts.holder(to)?.(end) === true ? "Accepted" : "Refused"
  }

  private owns(address: string): boolean {
    return loopback.has(address) || this.addresses.includes(address)
  }

  private join(segment: Segment, addresses: ReadonlyArray<string>): void {
    segment.attach(this, addresses)
    this.segment = segment
    this.addresses = addresses
  }
}
