/** `RendezvousTransport` of a host in the network. */
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
} from "../../services/RendezvousTransport.ts"
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
 * @param streams the ends of all connections of the network that are not over
 */
export const makeRendezvousTransport = (
  station: HostStation,
  lookup: (host: string) => Option.Option<string>,
  streams: Map<StreamEnd, HostStation>,
): RendezvousTransport["Service"] =>
  RendezvousTransport.of({
    listen: (options) => listen(station, streams, options),
    connect: (options) => connect(station, lookup, streams, options),
  })

const listen = Effect.fnUntraced(function* (
  station: HostStation,
  streams: Map<StreamEnd, HostStation>,
  options: { readonly address: string; readonly port: number },
) {
  const { streamPorts, wires } = station
  if (!station.has(options.address)) return yield* new ListenError({ reason: "NoSuchAddress", ...options })
  const waiting = yield* Queue.dropping<StreamEnd>(backlog)
  const chosen = streamPorts.choose(options.address, options.port, wires.chance)
  if (Option.isNone(chosen)) return yield* new ListenError({ reason: "InUse", ...options })
  const local = { address: options.address, port: chosen.value }

  const letGo = (end: StreamEnd) =>
    Effect.ensuring(
      end.close,
      Effect.sync(() => streams.delete(end)),
    )
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      streamPorts.hold(local, (end) => {
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
  return { local, serve } satisfies Listener
})

const connect = Effect.fnUntraced(function* (
  station: HostStation,
  lookup: (host: string) => Option.Option<string>,
  streams: Map<StreamEnd, HostStation>,
  {
    host,
    port,
    localAddress,
  }: { readonly host: string; readonly port: number; readonly localAddress?: string | undefined },
) {
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
      timeline.plan(timeline.now() + latency(false), () => resume(Effect.succeed(reception)))
    })
  }).pipe(Effect.timeoutOrElse({ duration: connectMillis, orElse: () => Effect.fail(fail("TimedOut")) }))
  if (reception === "Refused") return yield* fail("Refused")
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
