/** `PeerTransport` of a host in the network. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Endpoint } from "../../domain/Endpoint.ts"
import { BindError, type PeerSocket, PeerTransport, ResolveError } from "../../services/PeerTransport.ts"
import type { HostStation, Receiving } from "./HostStation.ts"
import { allAddresses } from "./PortTable.ts"
import { usualHops } from "./Segment.ts"

/** The most a UDP datagram over IPv4 carries, in bytes. */
const maxPayloadBytes = 65_507

/** @param lookup what a host name, or an address, resolves to */
export const makePeerTransport = (
  station: HostStation,
  lookup: (host: string) => Option.Option<string>,
): PeerTransport["Service"] =>
  PeerTransport.of({
    bind: ({ port, address = allAddresses }) =>
      Effect.suspend(() => {
        const { wires, datagramPorts } = station
        if (!station.has(address)) return Effect.fail(new BindError({ reason: "NoSuchAddress", address, port }))
        const chosen = datagramPorts.choose(address, port, wires.chance)
        if (Option.isNone(chosen)) return Effect.fail(new BindError({ reason: "InUse", address, port }))
        const local = { address, port: chosen.value }
        const receiving: Receiving = { handler: undefined }
        return Effect.acquireRelease(
          Effect.sync(() => {
            datagramPorts.hold(local, receiving)
            return makeSocket(station, local, receiving)
          }),
          () =>
            Effect.sync(() => {
              receiving.handler = undefined
              datagramPorts.release(local)
            }),
        )
      }),
    resolve: (host) => Effect.mapError(Effect.fromOption(lookup(host)), () => new ResolveError({ host })),
    addresses: Effect.sync(() => [...station.addresses, "127.0.0.1"]),
  })

const makeSocket = (station: HostStation, local: Endpoint, receiving: Receiving): PeerSocket => ({
  local,
  send: (payload, destination, ttl = usualHops) => {
    if (!Number.isInteger(ttl) || ttl < 1 || ttl > 255) return
    if (payload.length > maxPayloadBytes || station.datagramPorts.holder(local) !== receiving) return
    const address = station.sourceFor(local.address, destination.address)
    if (address === undefined) return
    station.send({ source: { address, port: local.port }, destination, payload: payload.slice(), hops: ttl })
  },
  receive: (handler) =>
    Effect.asVoid(
      Effect.acquireRelease(
        Effect.sync(() => {
          receiving.handler = handler
        }),
        () =>
          Effect.sync(() => {
            if (receiving.handler === handler) receiving.handler = undefined
          }),
      ),
    ),
})
