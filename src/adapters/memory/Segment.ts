/**
 * A network in which everybody reaches everybody: the public one, or the one behind a NAT.
 *
 * Stations (hosts, and the outsides of NATs) are attached with their addresses. What is for nobody here goes to the
 * gateway, if there is one; between a station and its gateway nothing is lost and no time passes. Between what is public
 * lie as many hops as `coreHops` says, between others none.
 */
import type { Endpoint } from "../../domain/Endpoint.ts"
import * as Link from "./Link.ts"
import type { DropReason, Packet } from "./Nat.ts"
import type { Timeline } from "./Timeline.ts"
import type { StreamEnd } from "./StreamEnd.ts"

export interface Datagram extends Packet {
  readonly payload: Uint8Array
  /** How many hops are left to it: routers take one each and drop what has one only. */
  readonly hops: number
}

/** What systems give a datagram. */
export const usualHops = 64

/** As how many routers the public network counts. */
export const coreHops = 6

/** How a station takes a request for a connection; silence is what a firewall answers. */
export type Reception = "Accepted" | "Refused" | "Silence"

export interface Station {
  readonly name: string
  readonly arrive: (datagram: Datagram) => void
  /** A request for a connection to the address and port, whose other end is `end`. */
  readonly knock: (to: Endpoint, end: StreamEnd) => Reception
}

export interface Gateway extends Station {
  /** The network on the other side. */
  readonly outside: Segment
  /** Takes a datagram that leaves. */
  readonly leave: (datagram: Datagram) => void
  /** Whether it maps ports for those inside who ask. */
  readonly mapsPorts: boolean
  /** Maps a port to the internal endpoint; nothing if it can't. */
  readonly mapPort: (internal: Endpoint) => Endpoint | undefined
  readonly unmapPort: (internal: Endpoint) => void
  /** The source that a connection from here has on the outside. */
  readonly sourceOf: (internal: Endpoint) => Endpoint
  /** Of addresses inside, those that are the same on the outside. */
  readonly visible: (addresses: ReadonlyArray<string>) => ReadonlyArray<string>
}

/** What happened to a datagram, for tests and traces. */
export interface NetworkEvent {
  /** In milliseconds. */
  readonly at: number
  readonly event: "Sent" | "Delivered" | "Dropped"
  /** Why it was dropped. */
  readonly reason?: DropReason | "Lost" | "HopsExceeded" | "NoRoute" | "NobodyThere" | "TooManyInFlight" | "HostDown"
  /** Source and destination as they are where it happens: NATs change them. */
  readonly from: Endpoint
  readonly to: Endpoint
  /** The size of the payload, in bytes. */
  readonly bytes: number
}

/** What all segments of a network share. */
export interface Wires {
  readonly timeline: Timeline
  readonly chance: () => number
  readonly report: (event: NetworkEvent["event"], datagram: Datagram, reason?: NetworkEvent["reason"]) => void
  /** Plans an arrival, unless too many datagrams are under way. */
  readonly launch: (at: number, datagram: Datagram, arrive: () => void) => void
  /** The link where no other is set. */
  defaultLink: Link.Link
}

/** One direction between two stations. */
interface Lane {
  link: Link.Link | undefined
  /** When the last datagram arrives, in milliseconds. */
  lastAt: number
}

export class Segment {
  private readonly stations = new Map<string, Station>()
  private readonly lanes = new Map<Station, Map<Station, Lane>>()
  private readonly wires: Wires
  gateway: Gateway | undefined

  constructor(wires: Wires) {
    this.wires = wires
  }

  /** Makes a station reachable, from outside too where addresses are not translated. Throws if one of them is taken. */
  attach(station: Station, addresses: ReadonlyArray<string>): void {
    for (const address of addresses) {
      const owner = this.stations.get(address)
      if (owner !== undefined && owner !== station) throw new Error(`${address} belongs to ${owner.name} already`)
      this.stations.set(address, station)
    }
    this.gateway?.outside.attach(this.gateway, this.gateway.visible(addresses))
  }

  detach(station: Station, addresses: ReadonlyArray<string>): void {
    for (const address of addresses) {
      if (this.stations.get(address) === station) this.stations.delete(address)
    }
    this.gateway?.outside.detach(this.gateway, this.gateway.visible(addresses))
  }

  stationAt(address: string): Station | undefined {
    return this.stations.get(address)
  }

  link(from: Station, to: Station): Link.Link {
    return this.lane(from, to).link ?? this.wires.defaultLink
  }

  setLink(from: Station, to: Station, link: Link.Link): void {
    const lane = this.lane(from, to)
    lane.link = link
    lane.lastAt = -Infinity
  }

  /** Takes a datagram from a station, or from the gateway for the inside. */
  carry(from: Station, datagram: Datagram): void {
    const to = this.stations.get(datagram.destination.address)
    if (to === undefined) {
      if (this.gateway === undefined || this.gateway === from) return this.wires.report("Dropped", datagram, "NoRoute")
      return this.gateway.leave(datagram)
    }
    if (from === this.gateway) return to.arrive(datagram)
    if (this.gateway !== undefined) return this.cross(from, to, datagram)
    const hops = datagram.hops - coreHops
    if (hops < 1) return this.wires.report("Dropped", datagram, "HopsExceeded")
    const { source, destination, payload } = datagram
    this.cross(from, to, { source, destination, payload, hops })
  }

  private cross(from: Station, to: Station, datagram: Datagram): void {
    const { timeline, chance } = this.wires
    const lane = this.lane(from, to)
    const arrivals = Link.transit(lane.link ?? this.wires.defaultLink, chance)
    if (arrivals.length === 0) return this.wires.report("Dropped", datagram, "Lost")
    const now = timeline.now()
    for (const { delay, inOrder } of arrivals) {
      const at = now + delay
      if (inOrder) lane.lastAt = Math.max(at, lane.lastAt)
      this.wires.launch(inOrder ? lane.lastAt : at, datagram, () => to.arrive(datagram))
    }
  }

  private lane(from: Station, to: Station): Lane {
    let lanes = this.lanes.get(from)
    if (lanes === undefined) this.lanes.set(from, (lanes = new Map()))
    let lane = lanes.get(to)
    if (lane === undefined) lanes.set(to, (lane = { link: undefined, lastAt: -Infinity }))
    return lane
  }
}
