/**
 * The paths of one chat: runs the pure machine `domain/reach/Reach` on UDP sockets and on the wire through the server.
 *
 * It binds and closes sockets, asks the server and the router about them, passes candidates on, and hands over what comes
 * in with the path it came by. What is sealed in a record is the affair of whoever made it.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as LinkChannel from "../domain/call/LinkChannel.ts"
import * as Endpoint from "../domain/Endpoint.ts"
import * as AddressScope from "../domain/reach/AddressScope.ts"
import * as CandidateMessage from "../domain/reach/CandidateMessage.ts"
import * as Lookup from "../domain/reach/Lookup.ts"
import * as Path from "../domain/reach/Path.ts"
import * as Reach from "../domain/reach/Reach.ts"
import type * as Frame from "../domain/record/Frame.ts"
import type { StuckReason } from "../domain/StuckReason.ts"
import type { PathInUse } from "./ChatNews.ts"
import type { Cryptography } from "./Cryptography.ts"
import type { PeerSocket, PeerTransport } from "./PeerTransport.ts"
import type { PortMapper } from "./PortMapper.ts"
import type { LinkLost, Refused } from "./RendezvousClient.ts"
import type { CallWire, Reflex, SealedAgreement, SealedLink, WireEvent } from "./SealedLink.ts"

/** Whether the relay at the server may carry a chat. */
export type RelayPolicy = Reach.Config["relay"]

/** How the two sides were brought together. */
export type Way =
  | {
      readonly _tag: "Server"
      readonly wire: CallWire
      /** What the server knows of where we are. */
      readonly reflex: Effect.Effect<Reflex, LinkLost | Refused>
      /** Asks whether the server is still there (`SealedLink`). */
      readonly doubt: SealedLink["doubt"]
      readonly relay: RelayPolicy
      /** The server is on this machine: then the other side may be, too. */
      readonly isLocalServer: boolean
      /** The local address for UDP; any without it. */
      readonly localAddress?: string | undefined
    }
  | {
      /** An address that was typed by hand. */
      readonly _tag: "Address"
      readonly socket: PeerSocket
      readonly remote: Endpoint.Endpoint
    }

/** The way of a call that was agreed on over a link. */
export const throughServer = (
  { reflex, server, doubt }: SealedLink,
  { wire }: SealedAgreement,
  { relay = "auto", localAddress }: { readonly relay?: RelayPolicy; readonly localAddress?: string | undefined } = {},
): Way => ({
  _tag: "Server",
  wire,
  reflex,
  doubt,
  relay,
  isLocalServer: AddressScope.of(server.address) === "loopback",
  localAddress,
})

export interface Options {
  readonly now: () => number
  readonly cryptography: Cryptography["Service"]
  readonly transport: PeerTransport["Service"]
  readonly mapper: PortMapper["Service"]
  readonly isInitiator: boolean
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

export interface ChatPaths {
  /** What is used now. */
  readonly active: () => Path.Path | undefined
  /** Sends a datagram by the path that is used; false if there is none. */
  readonly transmit: (datagram: Uint8Array) => boolean
  /** An authentic record came by this path; of its frames those about paths. */
  readonly heard: (path: Path.Path, frames: ReadonlyArray<Reach.PathFrame>, isNewest: boolean) => void
  /** Whether a record by this path, without such frames, says nothing new. */
  readonly isKnown: (path: Path.Path) => boolean
  /** A record that went by the path in use was acknowledged. */
  readonly acknowledged: () => void
  /** Whether something waits to be acknowledged. */
  readonly waiting: (unacknowledged: boolean) => void
  readonly dueAt: () => number
  readonly due: () => void
  readonly report: () => Reach.Report
  /** Begins, or begins anew, by another way; what the ways before had goes. The scope of the way's own things. */
  readonly follow: (way: Way, scope: Scope.Closeable) => Effect.Effect<void>
}

/** How often it is looked whether this machine has other addresses. */
const addressPause = "5 seconds"
/** So many questions to the server may be unanswered. */
const maxQuestions = 16
/** So many datagrams wait for a socket that is still being bound. */
const maxEarly = 2
/** So many sockets are bound at a time. */
const bindingAtOnce = 32

/** A socket of the chat: `undefined` while it is being bound. */
interface Held {
  socket: PeerSocket | undefined
  early: Array<{ readonly datagram: Uint8Array; readonly to: Endpoint.Endpoint; readonly ttl: number | undefined }>
  readonly scope: Scope.Closeable
}

export const make = Effect.fnUntraced(function* (options: Options) {
  const { now, cryptography, transport, mapper, isInitiator } = options
  const { primitives, randomBytes } = cryptography
  const own = yield* Effect.scope
  const fork = yield* FiberSet.makeRuntime<never, void, never>()
  const tools = { randomBytes }

  let current: { readonly way: Way; readonly scope: Scope.Closeable } | undefined
  let state: Reach.State = Reach.initial({ isInitiator, relay: "never", isLocalServer: false })
  const sockets = new Map<number, Held>()
  let reflex: Reflex | undefined
  let lookupKeys: Lookup.Keys | undefined
  let ownAddresses: ReadonlyArray<string> = []
  /** Questions to the server: which target, by the transaction in text. */
  const questions = new Map<string, number>()
  /** What the router was asked for: for which way, and with which addresses of ours. */
  let mapping: { readonly way: Scope.Closeable; readonly network: string; readonly own: Scope.Closeable } | undefined

  // Sockets.

  const hold = (index: number, socket: PeerSocket | undefined, scope: Scope.Closeable): Held => {
    const held: Held = { socket: undefined, early: [], scope }
    sockets.set(index, held)
    if (socket !== undefined) bound(index, held, socket)
    return held
  }

  const bound = (index: number, held: Held, socket: PeerSocket): void => {
    held.socket = socket
    fork(
      Scope.provide(
        socket.receive((datagram, from) => received(index, datagram, from)),
        held.scope,
      ),
    )
    for (const { datagram, to, ttl } of held.early.splice(0)) socket.send(datagram, to, ttl)
  }

  const release = (index: number): void => {
    const held = sockets.get(index)
    if (held === undefined) return
    sockets.delete(index)
    fork(Scope.close(held.scope, Exit.void))
  }

  const openSockets = (first: number, count: number): void => {
    const way = current?.way
    const address = way?._tag === "Server" ? way.localAddress : undefined
    const indices = Array.from({ length: count }, (_, i) => first + i).filter((index) => !sockets.has(index))
    const bindOne = Effect.fnUntraced(function* (index: number) {
      const scope = yield* Scope.fork(own)
      const held = hold(index, undefined, scope)
      const socket = yield* Effect.option(Scope.provide(transport.bind({ port: 0, address }), scope))
      if (Option.isSome(socket) && sockets.get(index) === held) bound(index, held, socket.value)
      else {
        if (sockets.get(index) === held) sockets.delete(index)
        yield* Scope.close(scope, Exit.void)
      }
    }, Effect.uninterruptible)
    fork(Effect.forEach(indices, bindOne, { concurrency: bindingAtOnce, discard: true }))
  }

  const send = (datagram: Uint8Array, path: Path.Path, ttl?: number): boolean => {
    if (path._tag === "Relay") {
      const way = current?.way
      return way?._tag === "Server" && way.wire.relay(datagram)
    }
    const held = sockets.get(path.socket)
    if (held === undefined) return false
    if (held.socket !== undefined) held.socket.send(datagram, path.remote, ttl)
    else if (held.early.length < maxEarly) held.early.push({ datagram, to: path.remote, ttl })
    return true
  }

  const received = (socket: number, datagram: Uint8Array, remote: Endpoint.Endpoint): void => {
    const transaction = Lookup.transactionOf(datagram)
    if (transaction !== undefined) return socket === 0 ? answered(transaction, datagram) : undefined
    options.onDatagram(datagram, { _tag: "Direct", socket, remote })
  }

  // The server's view of us.

  const lookUp = (target: number): void => {
    const to = reflex?.targets[target]
    const socket = sockets.get(0)?.socket
    if (reflex === undefined || lookupKeys === undefined || to === undefined || socket === undefined) return
    const transaction = randomBytes(Lookup.transactionBytes)
    if (questions.size >= maxQuestions) questions.delete(questions.keys().next().value!)
    questions.set(transaction.join(), target)
    socket.send(Lookup.encodeRequest(primitives, lookupKeys, { token: reflex.token, transaction }), to)
  }

  const answered = (transaction: Uint8Array, datagram: Uint8Array): void => {
    const target = questions.get(transaction.join())
    if (lookupKeys === undefined || target === undefined) return
    const mapped = Lookup.openReply(primitives, lookupKeys, transaction, datagram)
    if (mapped === undefined) return
    questions.delete(transaction.join())
    on({ _tag: "LookedUp", target, mapped })
  }

  const mapPort = (): void => {
    const port = sockets.get(0)?.socket?.local.port
    if (current === undefined || port === undefined || reflex === undefined) return
    const { scope, way } = current
    const { seen } = reflex
    // No router is in the way to a server on this machine, nor where we are seen at an address of our own.
    if (way._tag === "Address" || way.isLocalServer || Endpoint.isIpv6(seen) || ownAddresses.includes(seen)) return
    const network = ownAddresses.join()
    // One is enough, however often it is searched; another network has another router.
    if (mapping?.way === scope && mapping.network === network) return
    const before = mapping
    const mine = { way: scope, network, own: Scope.forkUnsafe(scope) }
    mapping = mine
    const ask = mapper.map(port).pipe(
      Scope.provide(mine.own),
      Effect.map(({ address, port }) => {
        // A router says of itself what it likes; one with a private address has another NAT beyond.
        if (mapping !== mine || current?.scope !== scope || AddressScope.of(address) === "private") return
        on({ _tag: "PortMapped", endpoint: { address: seen, port } })
      }),
      Effect.catch(() =>
        Effect.suspend(() => {
          // The next search may ask again.
          if (mapping === mine) mapping = undefined
          return Scope.close(mine.own, Exit.void)
        }),
      ),
    )
    // What is given back must not be what was granted anew.
    fork(before === undefined ? ask : Effect.andThen(Scope.close(before.own, Exit.void), ask))
  }

  const doubt = (left: ReadonlyArray<string>): Effect.Effect<void> =>
    current?.way._tag === "Server" ? current.way.doubt(left) : Effect.void

  // The machine.

  const on = (event: Reach.Event): void => {
    const before = Reach.active(state)
    const [next, actions] = Reach.step(tools, state, event, now())
    state = next
    for (const action of actions) perform(action)
    const after = Reach.active(state)
    if (before !== after && !(before !== undefined && after !== undefined && Path.equals(before, after))) {
      options.onUse(after)
      if (after === undefined) fork(doubt([]))
    }
    options.onMoved()
  }

  const perform = (action: Reach.Action): void => {
    switch (action._tag) {
      case "LookUp":
        return lookUp(action.target)
      case "MapPort":
        return mapPort()
      case "Tell": {
        const way = current?.way
        if (way?._tag !== "Server") return
        return way.wire.tell({ type: LinkChannel.candidates, body: CandidateMessage.encode(action.message) })
      }
      case "Send": {
        const datagram = options.seal(action.frames)
        if (datagram !== undefined) send(datagram, action.path, action.ttl)
        return
      }
      case "OpenSockets":
        return openSockets(action.first, action.count)
      case "CloseSockets": {
        const keep = new Set(action.keep)
        for (const index of sockets.keys()) if (!keep.has(index)) release(index)
        return
      }
      case "Use":
        return options.onPath(inUse(action.path, action.kind, action.rttMillis))
      case "Measured": {
        const kind = Reach.activeKind(state)
        return options.onPath(inUse(Reach.active(state), kind, action.rttMillis))
      }
      case "Stuck":
        return options.onStuck(action.because)
    }
  }

  // The ways.

  const addresses: Effect.Effect<ReadonlyArray<string>> = Effect.suspend(() => {
    const local = sockets.get(0)?.socket?.local.address
    return local === undefined || local === "::" || local === "0.0.0.0" ? transport.addresses : Effect.succeed([local])
  })

  /** The port is there, and so is the other side's address, as the server sees it. */
  const started = Effect.fnUntraced(function* (
    way: Extract<Way, { readonly _tag: "Server" }>,
    scope: Scope.Closeable,
    { socket, remote }: Extract<WireEvent, { readonly _tag: "Started" }>,
  ) {
    if (socket === undefined || remote === undefined) return on({ _tag: "NoPort" })
    const known = yield* Effect.option(way.reflex)
    const isCurrent = current?.scope === scope
    if (!isCurrent) return
    reflex = Option.getOrUndefined(known)
    lookupKeys = reflex && Lookup.keys(primitives, reflex.key)
    hold(0, socket, yield* Scope.fork(scope))
    ownAddresses = yield* addresses
    on({
      _tag: "Started",
      observed: remote,
      seen: reflex?.seen,
      addresses: ownAddresses,
      port: socket.local.port,
      targets: reflex?.targets.length ?? 0,
    })
  })

  const onWire =
    (way: Extract<Way, { readonly _tag: "Server" }>, scope: Scope.Closeable) =>
    (event: WireEvent): void => {
      if (current?.scope !== scope) return
      switch (event._tag) {
        case "Relayed":
          return options.onDatagram(event.record, Path.relay)
        case "Told": {
          if (event.message.type !== LinkChannel.candidates) return
          const message = CandidateMessage.decode(event.message.body)
          return message === undefined ? undefined : on({ _tag: "Told", message })
        }
        case "Started":
          fork(started(way, scope, event))
          return
        case "RelayRefused":
          return on({ _tag: "RelayDown", because: "Relay_refused" })
        case "Gone":
          on({ _tag: "RelayDown", because: event.code === "Peer_gone" ? "Peer_gone" : "Server_lost" })
          return options.onGone()
      }
    }

  const follow = Effect.fnUntraced(function* (way: Way, scope: Scope.Closeable) {
    const before = current
    current = { way, scope }
    for (const index of sockets.keys()) release(index)
    questions.clear()
    reflex = undefined
    lookupKeys = undefined
    const { relay, isLocalServer } = way._tag === "Server" ? way : typedByHand
    state = Reach.initial({ isInitiator, relay, isLocalServer })
    options.onUse(undefined)
    if (before !== undefined) yield* Scope.close(before.scope, Exit.void)
    if (way._tag === "Server") {
      on({ _tag: "RelayUp" })
      return yield* Scope.provide(way.wire.receive(onWire(way, scope)), scope)
    }
    const { socket, remote } = way
    hold(0, socket, yield* Scope.fork(scope))
    on({
      _tag: "Started",
      observed: remote,
      seen: undefined,
      addresses: yield* addresses,
      port: socket.local.port,
      targets: 0,
    })
    // What was typed by hand is all that is known of the other side.
    on({
      _tag: "Told",
      message: {
        generation: 1,
        mapping: { _tag: "Unknown" },
        candidates: [{ kind: "reflexive", endpoint: remote }],
      },
    })
  }, Effect.uninterruptible)

  /** A system keeps connections from addresses that it no longer has, for minutes. */
  const watch = Effect.gen(function* () {
    const before = ownAddresses
    ownAddresses = yield* addresses
    if (sockets.has(0)) on({ _tag: "AddressesChanged", addresses: ownAddresses })
    const left = before.filter((address) => !ownAddresses.includes(address))
    if (left.length > 0) yield* doubt(left)
  })
  yield* Effect.forkScoped(Effect.repeat(Effect.delay(watch, addressPause), Schedule.forever))
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      if (current === undefined) return Effect.void
      const { way, scope } = current
      return Effect.andThen(way._tag === "Server" ? way.wire.end : Effect.void, Scope.close(scope, Exit.void))
    }),
  )

  let acknowledgedAt = -Infinity
  return {
    active: () => Reach.active(state),
    transmit: (datagram) => {
      const path = Reach.active(state)
      return path !== undefined && send(datagram, path)
    },
    heard: (path, frames, isNewest) => on({ _tag: "Heard", path, frames, isNewest }),
    isKnown: (path) => {
      const used = Reach.active(state)
      return used !== undefined && Path.equals(used, path)
    },
    acknowledged: () => {
      const path = Reach.active(state)
      const at = now()
      // Once in a while is enough, and there may be thousands a second.
      if (path === undefined || at - acknowledgedAt < acknowledgedPause) return
      acknowledgedAt = at
      on({ _tag: "Acknowledged", path })
    },
    waiting: (unacknowledged) => on({ _tag: "Waiting", unacknowledged }),
    dueAt: () => Reach.dueAt(state),
    due: () => {
      if (Reach.dueAt(state) <= now()) on({ _tag: "Due" })
    },
    report: () => Reach.report(state),
    follow,
  } satisfies ChatPaths
})

/** Without a server there is no relay, and an address that a person has typed may be any. */
const typedByHand = { relay: "never", isLocalServer: true } as const

/** In milliseconds. */
const acknowledgedPause = 50

const inUse = (path: Path.Path | undefined, kind: PathInUse["kind"], rttMillis: number | undefined): PathInUse => ({
  kind: path === undefined ? "none" : kind,
  address: path?._tag === "Direct" ? Endpoint.format(path.remote) : "",
  rttMillis,
})
