/**
 * Two sides that look for a path to each other, in a world of their own: a clock, a server, and NATs in front of hosts.
 *
 * ```
 *   alice ── NATs ──┐                        ┌── NATs ── bob
 *                   ├──── core, six hops ────┤
 *                   └───────── server ───────┘
 * ```
 *
 * A NAT here is `Nat`; a list of them is a chain, the inner one first, and two hosts may share the outer ones, or all. A
 * record is its frames. What has too few hops left is lost in the core.
 */
import * as Nat from "../../../src/adapters/memory/Nat.ts"
import * as Endpoint from "../../../src/domain/Endpoint.ts"
import * as Path from "../../../src/domain/reach/Path.ts"
import * as Reach from "../../../src/domain/reach/Reach.ts"
import type * as Frame from "../../../src/domain/record/Frame.ts"

/** The hops between all that is public. */
const coreHops = 6
const usualHops = 64

export const serverAddresses = ["198.51.100.1", "198.51.100.2"] as const
/** Index: twice the address plus the port. */
const lookupTargets = serverAddresses.flatMap((address) => [
  { address, port: 3478 },
  { address, port: 3479 },
])

/** A small generator, so that a seed repeats a world exactly. */
export const generator = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

interface Packet {
  readonly source: Endpoint.Endpoint
  readonly destination: Endpoint.Endpoint
  readonly hops: number
  readonly payload:
    | { readonly _tag: "Record"; readonly frames: ReadonlyArray<Frame.Frame>; readonly counter: number }
    | { readonly _tag: "Request"; readonly target: number }
    | { readonly _tag: "Reply"; readonly target: number; readonly mapped: Endpoint.Endpoint }
}

/** A NAT, and where it stands. */
export class Box {
  state: Nat.State
  readonly address: string
  /** The NAT that this one is behind. */
  readonly outer: Box | undefined

  constructor(config: Nat.Config, address: string, outer?: Box) {
    this.state = Nat.make(config, config.mapping === "none" ? [] : [address])
    this.address = address
    this.outer = outer
  }

  /** It starts anew, and has forgotten everything. */
  restart(): void {
    this.state = Nat.restart(this.state)
  }
}

export interface HostOptions {
  readonly addresses: ReadonlyArray<string>
  /** The NAT it is behind; a host of its own without it. */
  readonly box?: Box | undefined
  readonly port?: number
  readonly relay?: Reach.Config["relay"]
  /** How long its router takes to map a port, in milliseconds; without it, it maps none. */
  readonly mapsAfter?: number
}

export class Host {
  state: Reach.State
  readonly world: World
  readonly name: "alice" | "bob"
  addresses: ReadonlyArray<string>
  box: Box | undefined
  readonly port: number
  readonly mapsAfter: number | undefined
  readonly actions: Array<Reach.Action & { readonly at: number }> = []
  readonly random: () => number
  private counter = 0
  private newest = -1
  private wakeAt = Infinity

  constructor(
    world: World,
    name: "alice" | "bob",
    { addresses, box, port, relay, mapsAfter }: HostOptions,
    seed: number,
  ) {
    this.world = world
    this.name = name
    this.addresses = addresses
    this.box = box
    this.port = port ?? 40_000
    this.mapsAfter = mapsAfter
    this.random = generator(seed)
    this.state = Reach.initial({ isInitiator: name === "alice", relay: relay ?? "auto", isLocalServer: false })
  }

  get other(): Host {
    return this.name === "alice" ? this.world.bob : this.world.alice
  }

  /** The address that the server sees. */
  get seen(): string {
    let { box } = this
    let address = this.addresses[0]!
    for (; box !== undefined; box = box.outer) if (box.state.addresses.length > 0) address = box.address
    return address
  }

  get kind(): Path.PathKind | "none" {
    return Reach.activeKind(this.state)
  }

  start(targets = 4): void {
    const { addresses, port } = this
    const observed = { address: this.other.seen, port: this.other.port }
    this.on({ _tag: "Started", observed, seen: this.seen, addresses, port, targets })
  }

  on(event: Reach.Event): void {
    const { now } = this.world
    const [state, actions] = Reach.step({ randomBytes: this.randomBytes }, this.state, event, now)
    this.state = state
    for (const action of actions) {
      this.actions.push({ ...action, at: now })
      this.perform(action)
    }
    const due = Reach.dueAt(state)
    if (due < this.wakeAt) {
      this.wakeAt = due
      // A timer fires no sooner than asked, and on a whole millisecond.
      this.world.after(Math.max(due > now ? 1 : 0, Math.ceil(due - now)), () => {
        if (this.wakeAt !== due) return
        this.wakeAt = Infinity
        this.on({ _tag: "Due" })
      })
    }
  }

  receive(packet: Packet): void {
    const { payload, source, destination } = packet
    const socket = this.socketAt(destination.port)
    if (socket === undefined) return
    if (payload._tag === "Reply") return this.on({ _tag: "LookedUp", target: payload.target, mapped: payload.mapped })
    if (payload._tag === "Record") this.heard(Path.direct(socket, source), payload)
  }

  /** A record has come, by whatever path. */
  heard(
    path: Path.Path,
    { frames, counter }: { readonly frames: ReadonlyArray<Frame.Frame>; readonly counter: number },
  ) {
    const isNewest = counter > this.newest
    if (isNewest) this.newest = counter
    const about = frames.filter(
      (frame): frame is Reach.PathFrame => frame._tag === "PathChallenge" || frame._tag === "PathResponse",
    )
    this.on({ _tag: "Heard", path, frames: about, isNewest })
  }

  /** As many routers do it: the port is right, the address is one that nobody else knows. */
  private mapPort(): void {
    if (this.box === undefined) return
    const internal = { address: this.addresses[0]!, port: this.port }
    const mapped = Nat.mapPort(this.box.state, internal, this.world.now, this.random)
    if (mapped !== undefined) this.on({ _tag: "PortMapped", endpoint: { address: "192.0.1.1", port: mapped.port } })
  }

  private readonly randomBytes = (length: number): Uint8Array =>
    Uint8Array.from({ length }, () => Math.floor(this.random() * 256))

  private portOf(socket: number): number {
    return socket === 0 ? this.port : 50_000 + socket
  }

  private socketAt(port: number): number | undefined {
    return port === this.port ? 0 : port > 50_000 ? port - 50_000 : undefined
  }

  private emit(socket: number, destination: Endpoint.Endpoint, payload: Packet["payload"], hops = usualHops): void {
    const isIpv6 = Endpoint.isIpv6(destination.address)
    const address = this.addresses.find((it) => Endpoint.isIpv6(it) === isIpv6)
    if (address === undefined) return
    this.world.leave(this, { source: { address, port: this.portOf(socket) }, destination, hops, payload })
  }

  private perform(action: Reach.Action): void {
    switch (action._tag) {
      case "LookUp":
        return this.emit(0, lookupTargets[action.target]!, { _tag: "Request", target: action.target })
      case "Tell":
        return this.world.link(() => this.other.on({ _tag: "Told", message: action.message }))
      case "Send": {
        const record = { _tag: "Record", frames: action.frames, counter: this.counter++ } as const
        const { path } = action
        if (path._tag === "Relay") return this.world.relay(() => this.other.heard(Path.relay, record))
        return this.emit(path.socket, path.remote, record, action.ttl)
      }
      case "MapPort":
        if (this.mapsAfter !== undefined) this.world.after(this.mapsAfter, () => this.mapPort())
        break
      case "OpenSockets":
      case "CloseSockets":
      case "Use":
      case "Measured":
      case "Stuck":
    }
  }
}

export class World {
  now = 0
  readonly alice: Host
  readonly bob: Host
  /** One way through the core, and from a host to the server, in milliseconds. */
  delay = 20
  /** How likely a datagram is lost in the core. */
  loss = 0
  isRelayWorking = true
  /** Whether the core carries datagrams between the two. */
  isCoreWorking = true
  private readonly queue: Array<{ readonly at: number; readonly order: number; readonly run: () => void }> = []
  private order = 0
  private readonly random: () => number

  constructor(alice: HostOptions, bob: HostOptions, seed = 1) {
    this.random = generator(seed)
    this.alice = new Host(this, "alice", { port: 40_001, ...alice }, seed * 7 + 1)
    this.bob = new Host(this, "bob", { port: 40_001, ...bob }, seed * 7 + 2)
  }

  /** Both have keys, and a little later a port. */
  meet(targets = 4): this {
    for (const host of [this.alice, this.bob]) {
      host.on({ _tag: "RelayUp" })
      this.after(40 + Math.floor(this.random() * 20), () => host.start(targets))
    }
    return this
  }

  after(millis: number, run: () => void): void {
    const item = { at: this.now + millis, order: this.order++, run }
    // The queue is short but for the records of a spray, and new items mostly come last.
    let i = this.queue.length
    while (i > 0 && this.queue[i - 1]!.at > item.at) i--
    this.queue.splice(i, 0, item)
  }

  pass(millis: number, until: () => boolean = () => false): this {
    const end = this.now + millis
    while (this.queue.length > 0 && this.queue[0]!.at <= end && !until()) {
      const item = this.queue.shift()!
      this.now = item.at
      item.run()
    }
    if (!until()) this.now = end
    return this
  }

  link(run: () => void): void {
    this.after(2 * this.delay, run)
  }

  relay(run: () => void): void {
    this.link(() => {
      if (this.isRelayWorking) run()
    })
  }

  /** A host sends. */
  leave(host: Host, packet: Packet): void {
    this.route(packet, host.box)
  }

  /** Carries a packet that is inside of a NAT, or in the core. */
  private route(packet: Packet, inside: Box | undefined): void {
    if (this.deliverWithin(packet, inside)) return
    if (inside === undefined) return
    const sent = { ...packet, hops: packet.hops - 1 }
    const verdict = Nat.outbound(inside.state, sent, this.now, this.random)
    if (verdict._tag === "Dropped") return
    const translated = { ...sent, ...verdict.packet }
    if (verdict.to === "Inside") this.deliverWithin(translated, inside)
    else this.route(translated, inside.outer)
  }

  /** To whoever is in this segment: hosts, NATs, and in the core the server too. */
  private deliverWithin(packet: Packet, segment: Box | undefined): boolean {
    const { destination, payload } = packet
    for (const host of [this.alice, this.bob]) {
      if (host.box !== segment || !host.addresses.includes(destination.address)) continue
      this.carry(packet, segment, () => host.receive(packet))
      return true
    }
    const box = this.boxes().find((it) => it.outer === segment && this.owns(it, destination.address))
    if (box !== undefined) {
      this.carry(packet, segment, () => {
        const verdict = Nat.inbound(box.state, packet, this.now)
        if (verdict._tag === "Forward") this.deliverWithin({ ...packet, ...verdict.packet }, box)
      })
      return true
    }
    if (
      segment === undefined &&
      payload._tag === "Request" &&
      Endpoint.equals(lookupTargets[payload.target]!, destination)
    ) {
      this.after(this.delay, () => {
        const reply = { _tag: "Reply", target: payload.target, mapped: packet.source } as const
        this.route({ source: destination, destination: packet.source, hops: usualHops, payload: reply }, undefined)
      })
      return true
    }
    return false
  }

  /** Whether packets for an address go to this NAT: it is its own, or one behind it that it does not translate. */
  private owns(box: Box, address: string): boolean {
    if (box.address === address && box.state.addresses.length > 0) return true
    const isTranslated = box.state.addresses.length > 0 && !Endpoint.isIpv6(address)
    return !isTranslated && [this.alice, this.bob].some((host) => host.box === box && host.addresses.includes(address))
  }

  private carry(packet: Packet, segment: Box | undefined, run: () => void): void {
    if (segment !== undefined) return this.after(1, run)
    if (packet.hops <= coreHops) return
    if (packet.payload._tag === "Record" && !this.isCoreWorking) return
    if (this.loss > 0 && this.random() < this.loss) return
    this.after(this.delay, run)
  }

  private boxes(): ReadonlyArray<Box> {
    const all = new Set<Box>()
    for (const host of [this.alice, this.bob]) for (let { box } = host; box !== undefined; box = box.outer) all.add(box)
    return [...all]
  }
}
