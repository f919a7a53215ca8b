/**
 * The paths of one chat: runs the pure machine `domain/reach/Reach` on UDP sockets and on the wire through the server.
 *
 * It binds and closes sockets, asks the server and the router about them, passes candidates on, and hands over what comes
 * in with the path it came by. What is sealed in a record is the affair of whoever made it.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as LinkChannel from "../../domain/call/LinkChannel.ts"
import * as Endpoint from "../../domain/Endpoint.ts"
import * as AddressScope from "../../domain/reach/AddressScope.ts"
import * as CandidateMessage from "../../domain/reach/CandidateMessage.ts"
import * as Path from "../../domain/reach/Path.ts"
import * as Reach from "../../domain/reach/Reach.ts"
import type * as Frame from "../../domain/record/Frame.ts"
import type { StuckReason } from "../../domain/net/StuckReason.ts"
import * as Unreached from "../../domain/net/Unreached.ts"
import type { Watcher } from "./AddressWatch.ts"
import { pathInUse, type PathInUse } from "./ChatNews.ts"
import { ChatPortMapping } from "./ChatPortMapping.ts"
import { ChatSockets } from "./ChatSockets.ts"
import type { ChatTools } from "./ChatTools.ts"
import type { Way } from "./ChatWay.ts"
import { LookupQuestions } from "./LookupQuestions.ts"
import type { PeerSocket } from "../PeerTransport.ts"
import type { WireEvent } from "../link/SealedLink.ts"

/** Whose paths they are: the chat. */
export interface Owner {
  /** One record; none while there are no keys. */
  readonly seal: (frames: ReadonlyArray<Frame.Frame>) => Uint8Array | undefined
  /** A datagram has come. */
  readonly onDatagram: (datagram: Uint8Array, path: Path.Path) => void
  /** From now on everything goes by another path, or there is none. */
  readonly onUse: (path: Path.Path | undefined) => void
  readonly onPath: (path: PathInUse) => void
  readonly onStuck: (because: StuckReason) => void
  /** The server carries nothing of this call any more. */
  readonly onGone: () => void
  /** Something is due sooner. */
  readonly onMoved: () => void
}

type ServerWay = Extract<Way, { readonly _tag: "Server" }>

/** What there is of the server's view of us. */
interface View {
  /** Our address. */
  readonly seen: string
  readonly questions: LookupQuestions
}

/** In milliseconds. */
const acknowledgedPause = 50
/** Without a server there is no relay, and an address that a person has typed may be any. */
const typedByHand = { relay: "never", isLocalServer: true } as const

export class ChatPaths implements Watcher {
  private readonly tools: ChatTools
  private readonly owner: Owner
  private readonly isInitiator: boolean
  /** Of the chat. */
  private readonly scope: Scope.Scope
  private readonly sockets: ChatSockets
  private current: { readonly way: Way; readonly scope: Scope.Closeable } | undefined
  /** What socket 0 goes with: the scope of the way that it came by, which may be over. */
  private socketScope: Scope.Closeable | undefined
  private state: Reach.State
  private view: View | undefined
  private portMapping: ChatPortMapping | undefined
  private ownAddresses: ReadonlyArray<string> = []
  private acknowledgedAt = -Infinity

  /** @param scope of the chat: what is begun here ends with it. `end` comes before */
  constructor(tools: ChatTools, owner: Owner, isInitiator: boolean, scope: Scope.Scope) {
    this.tools = tools
    this.owner = owner
    this.isInitiator = isInitiator
    this.scope = scope
    this.sockets = new ChatSockets(tools, this, scope)
    this.state = Reach.initial({ isInitiator, relay: "never", isLocalServer: false })
    tools.addressWatch.add(this)
  }

  // What a chat asks of them.

  /** What is used now. */
  get active(): Path.Path | undefined {
    return Reach.active(this.state)
  }

  /** Sends a datagram by the path that is used; false if there is none. */
  transmit(datagram: Uint8Array): boolean {
    const path = this.active
    return path !== undefined && this.send(datagram, path)
  }

  /** An authentic record came by this path; of its frames those about paths. */
  heard(path: Path.Path, frames: ReadonlyArray<Reach.PathFrame>, isNewest: boolean): void {
    this.on({ _tag: "Heard", path, frames, isNewest })
  }

  /** Whether a record by this path, without such frames, says nothing new. */
  isKnown(path: Path.Path): boolean {
    const used = this.active
    return used !== undefined && Path.equals(used, path)
  }

  /** A record that went by the path in use was acknowledged, at a time in milliseconds. */
  acknowledged(at: number): void {
    // Once in a while is enough, and there may be thousands a second.
    if (at - this.acknowledgedAt < acknowledgedPause) return
    const path = this.active
    if (path === undefined) return
    this.acknowledgedAt = at
    this.on({ _tag: "Acknowledged", path })
  }

  /** Whether something waits to be acknowledged. */
  waiting(unacknowledged: boolean): void {
    this.on({ _tag: "Waiting", unacknowledged })
  }

  get dueAt(): number {
    return Reach.dueAt(this.state)
  }

  due(): void {
    if (this.dueAt <= this.tools.now()) this.on({ _tag: "Due" })
  }

  report(): Reach.Report {
    return Reach.report(this.state)
  }

  /** Whether a server has brought both sides together: then both people have said yes. */
  get isAgreed(): boolean {
    return this.current?.way._tag === "Server"
  }

  /** Why nothing came of them; where an address was typed nobody knows. */
  unreached(): Unreached.Unreached | undefined {
    return this.isAgreed ? Reach.unreached(this.state) : undefined
  }

  /**
   * Begins, or goes on, by another way: what is sent goes by it from now on. Sockets and what is proven by them stay: the
   * way before was only how both sides came to know of them.
   *
   * @param scope of the way's own things
   * @returns leaves the way before, and hears this one
   */
  follow(way: Way, scope: Scope.Closeable): Effect.Effect<void> {
    const before = this.current
    this.current = { way, scope }
    this.view = undefined
    const { relay, isLocalServer } = way._tag === "Server" ? way : typedByHand
    const config = { isInitiator: this.isInitiator, relay, isLocalServer }
    if (before === undefined) this.state = Reach.initial(config)
    else this.on({ _tag: "Resumed", config })
    if (way._tag === "Server") this.on({ _tag: "RelayUp" })
    return Effect.gen({ self: this }, function* () {
      if (before !== undefined) yield* this.leave(before)
      if (way._tag === "Address") return yield* this.followAddress(way, scope)
      yield* Scope.provide(
        way.wire.receive((event) => this.onWire(way, scope, event)),
        scope,
      )
    }).pipe(Effect.uninterruptible)
  }

  /** The chat is over. */
  get end(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { current, socketScope } = this
      this.tools.addressWatch.remove(this)
      this.socketScope = undefined
      return Effect.andThen(
        current === undefined ? Effect.void : this.leave(current),
        socketScope === undefined ? Effect.void : Scope.close(socketScope, Exit.void),
      )
    })
  }

  /** Nothing goes by this way any more; what there is of it goes, except the socket that is used. */
  private leave({ way, scope }: { readonly way: Way; readonly scope: Scope.Closeable }): Effect.Effect<void> {
    const ended = way._tag === "Server" ? way.wire.end : Effect.void
    return this.socketScope === scope ? ended : Effect.andThen(ended, Scope.close(scope, Exit.void))
  }

  // Datagrams.

  private send(datagram: Uint8Array, path: Path.Path, ttl?: number): boolean {
    if (path._tag === "Direct") return this.sockets.send(path.socket, datagram, path.remote, ttl)
    const way = this.current?.way
    return way?._tag === "Server" && way.wire.relay(datagram)
  }

  received(socket: number, datagram: Uint8Array, remote: Endpoint.Endpoint): void {
    const answer = socket === 0 ? this.view?.questions.answered(datagram, remote) : undefined
    if (answer !== undefined) return this.on({ _tag: "LookedUp", target: answer.target, mapped: answer.mapped })
    this.owner.onDatagram(datagram, { _tag: "Direct", socket, remote })
  }

  // The server's view of us.

  private lookUp(target: number): void {
    const socket = this.sockets.get(0)
    if (socket !== undefined) this.view?.questions.ask(socket, target, this.tools.now())
  }

  private mapPort(): void {
    const { current, socketScope: scope, view } = this
    const port = this.sockets.get(0)?.local.port
    if (current === undefined || scope === undefined || port === undefined || view === undefined) return
    const { way } = current
    const { seen } = view
    // No router is in the way to a server on this machine, nor where we are seen at an address of our own.
    if (way._tag === "Address" || way.isLocalServer || Endpoint.isIpv6(seen) || this.ownAddresses.includes(seen)) return
    this.portMapping ??= new ChatPortMapping(this.tools, this.scope)
    const network = [seen, ...this.ownAddresses].join()
    const wanted = { way: current.scope, network, port, isServed: this.active?._tag === "Direct", scope }
    this.portMapping.ask(wanted, ({ address, port }) => {
      // A router says of itself what it likes; one with a private address has another NAT beyond.
      if (this.socketScope !== scope || AddressScope.of(address) === "private") return
      this.on({ _tag: "PortMapped", endpoint: { address: this.view?.seen ?? seen, port } })
    })
  }

  private fork(effect: Effect.Effect<void>): void {
    this.tools.fork(effect, this.scope)
  }

  private doubt(left: ReadonlyArray<string>): void {
    const way = this.current?.way
    if (way?._tag === "Server") this.fork(way.doubt(left))
  }

  // The machine.

  private on(event: Reach.Event): void {
    const before = this.active
    const [next, actions] = Reach.step(this.tools.cryptography, this.state, event, this.tools.now())
    this.state = next
    for (const action of actions) this.perform(action)
    const after = this.active
    if (before !== after && !(before !== undefined && after !== undefined && Path.equals(before, after))) {
      this.owner.onUse(after)
      if (after === undefined) this.doubt([])
    }
    this.owner.onMoved()
  }

  private perform(action: Reach.Action): void {
    switch (action._tag) {
      case "LookUp":
        return this.lookUp(action.target)
      case "MapPort":
        return this.mapPort()
      case "Tell": {
        const way = this.current?.way
        if (way?._tag !== "Server") return
        return way.wire.tell({ type: LinkChannel.candidates, body: CandidateMessage.encode(action.message) })
      }
      case "Send": {
        const datagram = this.owner.seal(action.frames)
        if (datagram !== undefined) this.send(datagram, action.path, action.ttl)
        return
      }
      case "OpenSockets": {
        const way = this.current?.way
        return this.sockets.open(action.first, action.count, way?._tag === "Server" ? way.localAddress : undefined)
      }
      case "CloseSockets":
        return this.sockets.closeAllBut(action.keep)
      case "Use":
        return this.owner.onPath(pathInUse(action.path, action.kind, action.rttMillis))
      case "Measured":
        return this.owner.onPath(pathInUse(this.active, Reach.activeKind(this.state), action.rttMillis))
      case "Stuck":
        return this.owner.onStuck(action.because)
    }
  }

  // The ways.

  /** The only one where the socket is bound to one, or will be. */
  private get boundAddress(): ReadonlyArray<string> | undefined {
    const way = this.current?.way
    const local = this.sockets.get(0)?.local.address ?? (way?._tag === "Server" ? way.localAddress : undefined)
    return local === undefined || local === "::" || local === "0.0.0.0" ? undefined : [local]
  }

  private get addresses(): Effect.Effect<ReadonlyArray<string>> {
    return Effect.suspend(() => {
      const bound = this.boundAddress
      return bound === undefined ? this.tools.transport.addresses : Effect.succeed(bound)
    })
  }

  /** A system keeps connections from addresses that it no longer has, for minutes. */
  addressesAre(addresses: ReadonlyArray<string>): void {
    const before = this.ownAddresses
    const now = this.boundAddress ?? addresses
    this.ownAddresses = now
    if (this.sockets.get(0) !== undefined) this.on({ _tag: "AddressesChanged", addresses: now })
    const left = before.filter((address) => !now.includes(address))
    if (left.length > 0) this.doubt(left)
  }

  private onWire(way: ServerWay, scope: Scope.Closeable, event: WireEvent): void {
    if (this.current?.scope !== scope) return
    switch (event._tag) {
      case "Relayed":
        return this.owner.onDatagram(event.record, Path.relay)
      case "Told": {
        if (event.message.type !== LinkChannel.candidates) return
        const message = CandidateMessage.decode(event.message.body)
        return message === undefined ? undefined : this.on({ _tag: "Told", message })
      }
      case "Started":
        return this.fork(this.started(way, scope, event))
      case "RelayRefused":
        return this.on({ _tag: "RelayDown", because: "Relay_refused" })
      case "Gone":
        this.on({ _tag: "RelayDown", because: Unreached.relayLost(event.code) })
        return this.owner.onGone()
    }
  }

  /** The port is there, and so is the other side's address, as the server sees it. A socket there was is as good. */
  private started(
    way: ServerWay,
    scope: Scope.Closeable,
    { port, remote }: Extract<WireEvent, { readonly _tag: "Started" }>,
  ): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const before = this.sockets.get(0)
      if (before !== undefined && port !== undefined) yield* port.release
      const socket = before ?? port?.socket
      if (socket === undefined || remote === undefined) return this.on({ _tag: "NoPort" })
      const known = yield* Effect.option(way.reflex)
      if (this.current?.scope !== scope) return
      const reflex = Option.getOrUndefined(known)
      this.view = reflex && {
        seen: reflex.seen,
        questions: new LookupQuestions(this.tools.cryptography, reflex),
      }
      yield* this.hold(socket, scope)
      this.ownAddresses = yield* this.addresses
      this.on({
        _tag: "Started",
        observed: remote,
        seen: reflex?.seen,
        addresses: this.ownAddresses,
        port: socket.local.port,
        targets: reflex?.targets.length ?? 0,
      })
    })
  }

  /** The chat's own socket from now on, with the scope of the way that it came by, unless it is that already. */
  private hold(socket: PeerSocket, scope: Scope.Closeable): Effect.Effect<void> {
    if (this.sockets.get(0) === socket) return Effect.void
    this.socketScope = scope
    return Effect.map(Scope.fork(scope), (own) => this.sockets.hold(0, socket, own))
  }

  private followAddress(
    { socket, remote }: Extract<Way, { readonly _tag: "Address" }>,
    scope: Scope.Closeable,
  ): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      yield* this.hold(socket, scope)
      this.on({
        _tag: "Started",
        observed: remote,
        seen: undefined,
        addresses: yield* this.addresses,
        port: socket.local.port,
        targets: 0,
      })
      // What was typed by hand is all that is known of the other side.
      this.on({
        _tag: "Told",
        message: {
          generation: 1,
          mapping: { _tag: "Unknown" },
          candidates: [{ kind: "reflexive", endpoint: remote }],
        },
      })
    })
  }
}
