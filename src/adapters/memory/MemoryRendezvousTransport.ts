/**
 * `RendezvousTransport` of a host in the network.
 *
 * TLS is played: both ends get the same exporter, which nobody else has, and the server's key as it says. It costs the
 * client one round trip more. Whoever sits in between has sessions of its own with either side, and its own key.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import type { Endpoint } from "../../domain/Endpoint.ts"
import {
  ConnectError,
  type Connection,
  type Listener,
  ListenError,
  RendezvousTransport,
  type Secured,
} from "../../services/RendezvousTransport.ts"
import { type ServerIdentity, ServerIdentityError } from "../../services/ServerIdentity.ts"
import type { HostStation } from "./HostStation.ts"
import { allAddresses } from "./PortTable.ts"
import type { Reception, Segment, Station } from "./Segment.ts"
import { makePair, type StreamEnd, type Way } from "./StreamEnd.ts"

/** How long connecting may take, in milliseconds. */
export const connectMillis = 10_000
/** How many connections may wait for `serve`; more are refused. */
export const backlog = 1024

/**
 * @param lookup what a host name, or an address, resolves to
 * @param isCertified whether an authority vouches for the key of a server at this host
 * @param streams the ends of all connections of the network that are not over
 */
export const makeRendezvousTransport = (
  station: HostStation,
  lookup: (host: string) => Option.Option<string>,
  isCertified: (host: string, serverKey: Uint8Array) => boolean,
  streams: Map<StreamEnd, HostStation>,
): RendezvousTransport["Service"] =>
  RendezvousTransport.of({
    listen: (options) => listen(station, streams, options),
    connect: (options) => connect(station, lookup, isCertified, streams, options),
  })

const listen = Effect.fnUntraced(function* (
  station: HostStation,
  streams: Map<StreamEnd, HostStation>,
  options: { readonly address: string; readonly port: number; readonly tls?: ServerIdentity | undefined },
) {
  const { streamPorts, wires } = station
  const { address, port } = options
  let identity = options.tls
  if (!station.has(address)) return yield* new ListenError({ reason: "NoSuchAddress", address, port })
  const waiting = yield* Queue.dropping<StreamEnd>(backlog)
  const chosen = streamPorts.choose(address, port, wires.chance)
  if (Option.isNone(chosen)) return yield* new ListenError({ reason: "InUse", address, port })
  const local = { address, port: chosen.value }

  const letGo = (end: StreamEnd) =>
    Effect.ensuring(
      end.close,
      Effect.sync(() => streams.delete(end)),
    )
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      streamPorts.hold(local, (end) => {
        if (end.wantsTls) {
          // A plaintext server takes the connection, and makes no sense of what it hears.
          if (identity === undefined) return true
          const session = { exporter: draw(32, wires.chance), serverKey: identity.serverKey, webPki: false }
          end.secured = session
          end.other.secured = session
        }
        if (!Queue.offerUnsafe(waiting, end)) return false
        streams.set(end, station)
        return true
      }),
    ),
    () =>
      Effect.suspend(() => {
        streamPorts.release(local)
        return Effect.flatMap(Queue.clear(waiting), (ends) =>
          Effect.sync(() => {
            for (const end of ends) {
              end.reset()
              streams.delete(end)
            }
          }),
        )
      }),
  )

  const serve: Listener["serve"] = <R>(handler: (connection: Connection) => Effect.Effect<void, never, R>) =>
    Effect.scoped(
      Effect.gen(function* () {
        const run = yield* FiberSet.makeRuntime<R, void, never>()
        return yield* Queue.take(waiting).pipe(
          Effect.flatMap((end) =>
            Effect.sync(() => run(Effect.ensuring(reported(handler(end.connection())), letGo(end)))),
          ),
          Effect.forever,
        )
      }),
    )
  return {
    local,
    serve,
    useIdentity: (next) =>
      next.serverKey.length === 32
        ? Effect.sync(() => {
            if (identity !== undefined) identity = next
          })
        : Effect.fail(
            new ServerIdentityError({
              reason: "Invalid",
              message: "They can't be used for TLS.",
              hint: "Give others.",
            }),
          ),
  } satisfies Listener
})

const draw = (length: number, chance: () => number): Uint8Array =>
  Uint8Array.from({ length }, () => Math.floor(chance() * 256))

const connect = Effect.fnUntraced(function* (
  station: HostStation,
  lookup: (host: string) => Option.Option<string>,
  isCertified: (host: string, serverKey: Uint8Array) => boolean,
  streams: Map<StreamEnd, HostStation>,
  options: {
    readonly host: string
    readonly port: number
    readonly security?: "Plaintext" | "Tls" | undefined
    readonly localAddress?: string | undefined
  },
) {
  const { host, port, localAddress } = options
  const fail = (reason: ConnectError["reason"]) => new ConnectError({ reason, host, port })
  const found = lookup(host)
  if (Option.isNone(found)) return yield* fail("UnknownHost")
  if (localAddress !== undefined && !station.has(localAddress)) return yield* fail("NoSuchLocalAddress")
  const source = station.sourceFor(localAddress ?? allAddresses, found.value)
  if (source === undefined || !station.isUp) return yield* fail("Unreachable")

  const { timeline, chance } = station.wires
  const remote = { address: found.value, port }
  const local = yield* Effect.acquireRelease(
    Effect.suspend(() => {
      const chosen = station.streamPorts.choose(source, 0, chance)
      if (Option.isNone(chosen)) return Effect.fail(fail("Unknown"))
      const local = { address: source, port: chosen.value }
      station.streamPorts.hold(local, () => false)
      return Effect.succeed(local)
    }),
    (local) => Effect.sync(() => station.streamPorts.release(local)),
  )

  const route = findRoute(station, local, remote.address)
  const isOpen = isOpenBetween(station, local, route, remote)
  const latency = (fromClient: boolean): number => {
    const { segment, from, to } = route
    if (segment === undefined || to === undefined) return 0
    return (fromClient ? segment.link(from, to) : segment.link(to, from)).latencyMillis
  }
  const way: Way = { isOpen, latency: (from) => latency(from === client) }
  const [client, server]: readonly [StreamEnd, StreamEnd] = yield* makePair({
    timeline,
    way,
    client: { local, remote },
    server: { local: remote, remote: route.source },
  })
  server.wantsTls = options.security === "Tls"

  yield* Effect.acquireRelease(
    Effect.sync(() => streams.set(client, station)),
    () =>
      Effect.ensuring(
        client.close,
        Effect.sync(() => streams.delete(client)),
      ),
  )
  const reception = yield* Effect.callback<Reception>((resume) => {
    timeline.plan(timeline.now() + latency(true), () => {
      // Whoever gave up meanwhile is not there any more.
      if (client.isGone || !isOpen() || route.to === undefined) return
      const reception = route.to.knock(remote, server)
      if (reception === "Silence") return
      const handshake = server.wantsTls && reception === "Accepted" ? latency(true) + latency(false) : 0
      timeline.plan(timeline.now() + latency(false) + handshake, () => resume(Effect.succeed(reception)))
    })
  }).pipe(Effect.timeoutOrElse({ duration: connectMillis, orElse: () => Effect.fail(fail("TimedOut")) }))
  if (reception === "Refused") return yield* fail("Refused")
  if (server.wantsTls) {
    const session: Secured | undefined = client.secured
    if (session === undefined) return yield* fail("NotTls")
    client.secured = { ...session, webPki: isCertified(host, session.serverKey) }
  }
  return client.connection()
})

/** A handler that dies ends its own connection only; somebody should hear of it. */
const reported = <R>(handler: Effect.Effect<void, never, R>): Effect.Effect<void, never, R> =>
  Effect.tapCause(handler, (cause) =>
    Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.logError("The handler of a connection failed", cause),
  )

/** The part of the way that takes time, and the source as the other side sees it. */
interface Route {
  /** None within the host itself. */
  readonly segment: Segment | undefined
  readonly from: Station
  /** None if nobody has the address. */
  readonly to: Station | undefined
  readonly source: Endpoint
}

const findRoute = (station: HostStation, local: Endpoint, address: string): Route => {
  // To itself: no NAT, no link.
  if (local.address === address || station.sourceFor(allAddresses, address) === address) {
    return { segment: undefined, from: station, to: station, source: local }
  }
  let source = local
  let from: Station = station
  let segment = station.segment
  for (;;) {
    const to = segment.stationAt(address)
    const gateway = segment.gateway
    if (to !== undefined || gateway === undefined) return { segment, from, to, source }
    source = gateway.sourceOf(source)
    from = gateway
    segment = gateway.outside
  }
}

/** Whether bytes pass now: both hosts are up and where they were, and nothing is cut between them. */
const isOpenBetween = (client: HostStation, local: Endpoint, { segment, from, to }: Route, remote: Endpoint) => {
  const home = client.segment
  return (): boolean => {
    if (!client.isUp || client.segment !== home || !client.has(local.address) || to === undefined) return false
    if (segment === undefined) return true
    if (segment.stationAt(remote.address) !== to || !segment.link(from, to).connected) return false
    return segment.link(to, from).connected && (!("isUp" in to) || to.isUp === true)
  }
}
