/**
 * A NAT or firewall as a station of two segments: `Nat` decides, this carries.
 *
 * Connections (TCP) pass from the inside to the outside and get the NAT's address there; nobody connects to the inside.
 */
import * as Endpoint from "../../domain/Endpoint.ts"
import * as Nat from "./Nat.ts"
import { type Datagram, type Gateway, type Reception, Segment, type Wires } from "./Segment.ts"

export class Router implements Gateway {
  readonly name: string
  readonly outside: Segment
  readonly inside: Segment
  readonly mapsPorts: boolean
  private readonly wires: Wires
  private state: Nat.State
  /** The last external port of a connection. */
  private streamPort = 1023

  constructor(
    wires: Wires,
    name: string,
    outside: Segment,
    config: Nat.Config,
    addresses: ReadonlyArray<string>,
    mapsPorts: boolean,
  ) {
    this.mapsPorts = mapsPorts
    this.wires = wires
    this.name = name
    this.outside = outside
    this.inside = new Segment(wires)
    this.state = Nat.make(config, addresses)
    outside.attach(this, addresses)
    this.inside.gateway = this
  }

  get nat(): Nat.State {
    return this.state
  }

  /** Forgets all mappings. */
  restart(addresses: ReadonlyArray<string> = this.state.addresses): void {
    const old = this.state.addresses
    this.outside.detach(this, old)
    this.outside.attach(this, addresses)
    this.state = Nat.restart(this.state, addresses)
  }

  visible(addresses: ReadonlyArray<string>): ReadonlyArray<string> {
    return addresses.filter((address) => this.translates(address) === undefined)
  }

  arrive(datagram: Datagram): void {
    if (datagram.hops <= 1) return this.wires.report("Dropped", datagram, "HopsExceeded")
    this.follow(datagram, Nat.inbound(this.state, datagram, this.wires.timeline.now()))
  }

  leave(datagram: Datagram): void {
    if (datagram.hops <= 1) return this.wires.report("Dropped", datagram, "HopsExceeded")
    this.follow(datagram, Nat.outbound(this.state, datagram, this.wires.timeline.now(), this.wires.chance))
  }

  knock(): Reception {
    return "Silence"
  }

  sourceOf(internal: Endpoint.Endpoint): Endpoint.Endpoint {
    const address = this.translates(internal.address)
    if (address === undefined) return internal
    // Any port will do: nothing comes back by it, connections are carried end to end.
    this.streamPort = this.streamPort === 65535 ? 1024 : this.streamPort + 1
    return { address, port: this.streamPort }
  }

  /** The address that takes the place of an inside one. */
  private translates(address: string): string | undefined {
    if (this.state.config.mapping === "none") return undefined
    return this.state.addresses.find((it) => Endpoint.isIpv6(it) === Endpoint.isIpv6(address))
  }

  mapPort(internal: Endpoint.Endpoint): Endpoint.Endpoint | undefined {
    return Nat.mapPort(this.state, internal, this.wires.timeline.now(), this.wires.chance)
  }

  unmapPort(internal: Endpoint.Endpoint): void {
    Nat.unmapPort(this.state, internal)
  }

  private follow(datagram: Datagram, verdict: Nat.Verdict): void {
    if (verdict._tag === "Dropped") return this.wires.report("Dropped", datagram, verdict.reason)
    const { source, destination } = verdict.packet
    const packet = { source, destination, payload: datagram.payload, hops: datagram.hops - 1 }
    if (verdict.to === "Outside") return this.outside.carry(this, packet)
    // Not within `send`, for a datagram that turned around here.
    this.wires.launch(this.wires.timeline.now(), packet, () => this.inside.carry(this, packet))
  }
}
