/**
 * A simulated internet: hosts with addresses, NATs before them, and links that delay, lose, duplicate and reorder.
 *
 * Each host provides `PeerTransport`, `RendezvousTransport` and `PortMapper`, so that whatever is written for sockets runs on it,
 * many hosts in one process. Time comes from `Clock` and chance from `Random` as they are where the network is made:
 * under `TestClock` and `Random.withSeed` the same program does the same again.
 *
 * ```ts
 * const network = yield* MemoryNetwork.make({ link: { latencyMillis: 20, loss: 0.3 } })
 * const home = yield* network.nat({ address: "203.0.113.5", kind: natKinds.symmetric })
 * const alice = yield* network.host({ address: "192.168.1.10", nat: home })
 * const bob = yield* network.host({ address: "198.51.100.7" })
 * const socket = yield* alice.peerTransport.bind({ port: 55000 })
 * socket.send(bytes, { address: "198.51.100.7", port: 55000 })
 * ```
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import { canonicalAddress } from "../../domain/Endpoint.ts"
import { PeerTransport } from "../../services/PeerTransport.ts"
import { PortMapper } from "../../services/PortMapper.ts"
import { RendezvousTransport } from "../../services/RendezvousTransport.ts"
import { HostStation } from "./HostStation.ts"
import * as Link from "./Link.ts"
import type * as Nat from "./Nat.ts"
import { makePeerTransport } from "./MemoryPeerTransport.ts"
import { makePortMapper } from "./MemoryPortMapper.ts"
import { makeRendezvousTransport } from "./MemoryRendezvousTransport.ts"
import { Router } from "./Router.ts"
import { type NetworkEvent, Segment, type Station, type Wires } from "./Segment.ts"
import type { StreamEnd } from "./StreamEnd.ts"
import * as Timeline from "./Timeline.ts"

export type { NetworkEvent } from "./Segment.ts"

export interface Options {
  /** What every link is like that is not set otherwise; `Link.perfect` fills in what is left out. */
  readonly link?: Partial<Link.Link> | undefined
  /** The addresses of host names. */
  readonly names?: Readonly<Record<string, string>> | undefined
  /** Whether an authority vouches for the key of a server at this host; none does without it. */
  readonly isCertified?: ((host: string, serverKey: Uint8Array) => boolean) | undefined
  /** How many datagrams may be under way at a time; more are dropped. */
  readonly maxInFlight?: number | undefined
  /** Told of every datagram sent, delivered and dropped. */
  readonly observe?: ((event: NetworkEvent) => void) | undefined
}

/** Where a host or a NAT is attached: behind a NAT, or to the public network. */
interface Attachment {
  /** One address, or several: IPv4, IPv6. */
  readonly address: string | ReadonlyArray<string>
  readonly nat?: MemoryNat | undefined
}

export interface HostOptions extends Attachment {
  /** For error messages; the first address without it. */
  readonly name?: string | undefined
}

export interface NatOptions extends Attachment {
  readonly name?: string | undefined
  /** What it does; see `natKinds`. `address` are its external addresses: one of a family at most, a firewall's may be none. */
  readonly kind: Nat.Config
  /** Whether it maps ports for hosts that ask for it (`PortMapper`). */
  readonly mapsPorts?: boolean | undefined
}

export interface MemoryHost {
  readonly name: string
  readonly peerTransport: PeerTransport["Service"]
  readonly rendezvousTransport: RendezvousTransport["Service"]
  readonly portMapper: PortMapper["Service"]
  /** Both transports and the port mapper. */
  readonly layer: Layer.Layer<PeerTransport | RendezvousTransport | PortMapper>
  /** The addresses it has now. */
  readonly addresses: Effect.Effect<ReadonlyArray<string>>
  /**
   * Changes its addresses and where it is attached. Sockets stay; what was bound to an address that is gone neither
   * sends nor receives, and connections from it stand still.
   */
  readonly move: (to: Attachment) => Effect.Effect<void>
  /** A host that is down neither sends nor receives, and its connections stand still until it is up again. */
  readonly setUp: (up: boolean) => Effect.Effect<void>
}

export interface MemoryNat {
  readonly name: string
  /** Its state now: mappings and sessions. */
  readonly state: Effect.Effect<Nat.State>
  /** Forgets all mappings; with other external addresses if given. */
  readonly restart: (address?: string | ReadonlyArray<string>) => Effect.Effect<void>
}

export class MemoryNetwork extends Context.Service<
  MemoryNetwork,
  {
    /** A new host. An address that is none, or that somebody near it has, is a defect. */
    readonly host: (options: HostOptions) => Effect.Effect<MemoryHost>
    /** A new NAT or firewall, whose inside is a network of its own. */
    readonly nat: (options: NatOptions) => Effect.Effect<MemoryNat>
    /** Changes what the link is like wherever no other is set, from the next datagram on. */
    readonly setLink: (link: Partial<Link.Link>) => Effect.Effect<void>
    /** Sets the link between two hosts, or what is before them, in both directions. The default fills in the rest. */
    readonly setLinkBetween: (a: MemoryHost, b: MemoryHost, link: Partial<Link.Link>) => Effect.Effect<void>
    /** The same in one direction. */
    readonly setLinkFrom: (a: MemoryHost, b: MemoryHost, link: Partial<Link.Link>) => Effect.Effect<void>
    /** Gives a host name an address, or takes it away. */
    readonly setName: (name: string, address: string | undefined) => Effect.Effect<void>
    /** Resets all connections of a host. */
    readonly cutStreams: (host: MemoryHost) => Effect.Effect<void>
  }
>()("nomitm/adapters/memory/MemoryNetwork") {
  /** A network that ends with the scope. */
  static readonly make = (options: Options = {}): Effect.Effect<MemoryNetwork["Service"], never, Scope.Scope> =>
    make(options)

  static readonly layer = (options?: Options): Layer.Layer<MemoryNetwork> =>
    Layer.effect(MemoryNetwork, MemoryNetwork.make(options))
}

const make = Effect.fnUntraced(function* (options: Options) {
  const random = yield* Random.Random
  const timeline = yield* Timeline.make
  const wires = makeWires(timeline, random, options)
  const publicNetwork = new Segment(wires)
  const stations = new WeakMap<MemoryHost, HostStation>()
  const routers = new WeakMap<MemoryNat, Router>()
  const streams = new Map<StreamEnd, HostStation>()
  const names = new Map(Object.entries(options.names ?? {}).map(([name, address]) => [name.toLowerCase(), address]))

  const lookup = (host: string): Option.Option<string> =>
    Option.orElse(canonicalAddress(host), () => Option.fromUndefinedOr(names.get(host.toLowerCase())))
  const segmentOf = ({ nat }: Attachment): Segment =>
    nat === undefined ? publicNetwork : known(routers.get(nat)).inside
  const resumeStreams = (): void => {
    for (const end of streams.keys()) end.resume()
  }
  const setLinkFrom = (a: MemoryHost, b: MemoryHost, link: Partial<Link.Link>): void => {
    const [segment, from, to] = nearest(known(stations.get(a)), known(stations.get(b)))
    segment.setLink(from, to, { ...wires.defaultLink, ...link })
  }

  const host = ({ name, ...attachment }: HostOptions): MemoryHost => {
    const addresses = addressesOf(attachment.address)
    const station = new HostStation(wires, name ?? addresses[0] ?? "a host", segmentOf(attachment), addresses)
    const peerTransport = makePeerTransport(station, lookup)
    const portMapper = makePortMapper(station)
    const rendezvousTransport = makeRendezvousTransport(station, lookup, options.isCertified ?? (() => false), streams)
    const host: MemoryHost = {
      name: station.name,
      peerTransport,
      rendezvousTransport,
      portMapper,
      layer: Layer.mergeAll(
        Layer.succeed(PeerTransport, peerTransport),
        Layer.succeed(RendezvousTransport, rendezvousTransport),
        Layer.succeed(PortMapper, portMapper),
      ),
      addresses: Effect.sync(() => station.addresses),
      move: (to) =>
        Effect.sync(() => {
          station.move(segmentOf(to), addressesOf(to.address))
          resumeStreams()
        }),
      setUp: (up) =>
        Effect.sync(() => {
          station.isUp = up
          resumeStreams()
        }),
    }
    stations.set(host, station)
    return host
  }

  const nat = ({ name, kind, mapsPorts = false, ...attachment }: NatOptions): MemoryNat => {
    const addresses = addressesOf(attachment.address)
    const router = new Router(wires, name ?? addresses[0] ?? "a NAT", segmentOf(attachment), kind, addresses, mapsPorts)
    const nat: MemoryNat = {
      name: router.name,
      state: Effect.sync(() => router.nat),
      restart: (address) => Effect.sync(() => router.restart(address === undefined ? undefined : addressesOf(address))),
    }
    routers.set(nat, router)
    return nat
  }

  return MemoryNetwork.of({
    host: (options) => Effect.sync(() => host(options)),
    nat: (options) => Effect.sync(() => nat(options)),
    setLink: (link) =>
      Effect.sync(() => {
        wires.defaultLink = { ...wires.defaultLink, ...link }
        resumeStreams()
      }),
    setLinkBetween: (a, b, link) =>
      Effect.sync(() => {
        setLinkFrom(a, b, link)
        setLinkFrom(b, a, link)
        resumeStreams()
      }),
    setLinkFrom: (a, b, link) =>
      Effect.sync(() => {
        setLinkFrom(a, b, link)
        resumeStreams()
      }),
    setName: (name, address) =>
      Effect.sync(() => {
        if (address === undefined) names.delete(name.toLowerCase())
        else names.set(name.toLowerCase(), addressesOf(address)[0]!)
      }),
    cutStreams: (host) =>
      Effect.sync(() => {
        for (const [end, owner] of streams) if (owner === stations.get(host)) end.reset()
      }),
  })
})

const makeWires = (timeline: Timeline.Timeline, random: Random.Random, options: Options): Wires => {
  const { maxInFlight = 65_536, observe } = options
  let inFlight = 0
  const report: Wires["report"] = (event, { source, destination, payload }, reason) =>
    observe?.({
      at: timeline.now(),
      event,
      ...(reason === undefined ? {} : { reason }),
      from: source,
      to: destination,
      bytes: payload.length,
    })
  return {
    timeline,
    chance: () => random.nextDoubleUnsafe(),
    report,
    launch: (at, datagram, arrive) => {
      if (inFlight >= maxInFlight) return report("Dropped", datagram, "TooManyInFlight")
      inFlight += 1
      timeline.plan(at, () => {
        inFlight -= 1
        arrive()
      })
    },
    defaultLink: { ...Link.perfect, ...options.link },
  }
}

const known = <A>(own: A | undefined): A => {
  if (own === undefined) throw new Error("this host or NAT belongs to another network")
  return own
}

const addressesOf = (address: string | ReadonlyArray<string>): ReadonlyArray<string> =>
  (typeof address === "string" ? [address] : address).map((text) =>
    Option.getOrThrowWith(canonicalAddress(text), () => new Error(`${text} is no address`)),
  )

/** The segment nearest to both, and what of either is attached to it: the host, or a router before it. */
const nearest = (a: HostStation, b: HostStation): readonly [Segment, Station, Station] => {
  const way = [...attachments(b)]
  for (const [segment, from] of attachments(a)) {
    const to = way.find(([other]) => other === segment)
    if (to !== undefined) return [segment, from, to[1]]
  }
  throw new Error(`${a.name} and ${b.name} belong to different networks`)
}

function* attachments(station: HostStation): Generator<readonly [Segment, Station]> {
  let at: Station = station
  let segment = station.segment
  for (;;) {
    yield [segment, at]
    if (segment.gateway === undefined) return
    at = segment.gateway
    segment = segment.gateway.outside
  }
}
