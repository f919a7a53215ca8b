/**
 * `PeerTransport` on the system's UDP sockets (`node:dgram`).
 *
 * Not on `effect/socket/DatagramSocket`: its reader and writer are fibers with queues, which the synchronous path of a
 * datagram can do without (`docs/decisions/0003-sockets.md`).
 *
 * A port at all addresses is two sockets, one for each family: a hop limit can only be set for a socket's own family,
 * so IPv4 that goes out through an IPv6 socket could not have one. The second costs about 8 KiB, so it is opened with the
 * first datagram that is sent to an IPv6 address; a port at `::` listens to both families from the start.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Dns from "node:dns"
import * as Os from "node:os"
import * as Endpoint from "../../domain/Endpoint.ts"
import { type BindError, type PeerSocket, PeerTransport, ResolveError } from "../../services/PeerTransport.ts"
import { bindUdp, UdpSocket } from "./UdpSocket.ts"

const allIpv4 = "0.0.0.0"
const allIpv6 = "::"

/** How many ports are looked at for one that both families have free. */
const portTries = 8

const bind = Effect.fnUntraced(function* (options: { readonly port: number; readonly address?: string | undefined }) {
  const { port, address } = options
  const scope = yield* Effect.scope
  // Not `acquireRelease`, which would keep all that this fiber knows for as long as the port is open.
  const sockets = yield* Effect.uninterruptible(
    Effect.tap(
      address === undefined
        ? Effect.map(bindUdp(allIpv4, port), (ipv4) => new Sockets(ipv4, undefined))
        : address === allIpv6
          ? bindBoth(port, portTries)
          : Effect.map(bindUdp(address, port), (socket) =>
              Endpoint.isIpv6(address) ? new Sockets(undefined, socket) : new Sockets(socket, undefined),
            ),
      (sockets) =>
        Scope.addFinalizer(
          scope,
          Effect.suspend(() => sockets.close),
        ),
    ),
  )
  const isEverywhere = address === undefined || address === allIpv6
  return toPeerSocket(sockets, address ?? allIpv6, isEverywhere)
})

/** A port that both families have free; of IPv4 alone on a machine without IPv6. */
const bindBoth = (port: number, tries: number): Effect.Effect<Sockets, BindError> =>
  Effect.gen(function* () {
    const ipv4 = yield* bindUdp(allIpv4, port)
    const ipv6 = yield* bindUdp(allIpv6, ipv4.port).pipe(
      Effect.catchIf(
        (error) => error.reason === "NoSuchAddress",
        () => Effect.undefined,
      ),
      Effect.tapError(() => ipv4.close),
    )
    return new Sockets(ipv4, ipv6)
  }).pipe(
    Effect.catchIf(
      (error) => port === 0 && error.reason === "InUse" && tries > 1,
      () => bindBoth(port, tries - 1),
    ),
  )

/** A port's sockets, one a family. */
class Sockets {
  readonly ipv4: UdpSocket | undefined
  ipv6: UdpSocket | undefined
  private handler: Parameters<PeerSocket["receive"]>[0] | undefined
  private triedIpv6: boolean
  private isOpen = true

  constructor(ipv4: UdpSocket | undefined, ipv6: UdpSocket | undefined) {
    this.ipv4 = ipv4
    this.ipv6 = ipv6
    this.triedIpv6 = ipv6 !== undefined
  }

  get port(): number {
    return (this.ipv4 ?? this.ipv6)!.port
  }

  listen(handler: Parameters<PeerSocket["receive"]>[0] | undefined): void {
    this.handler = handler
    this.ipv4?.listen(handler)
    this.ipv6?.listen(handler)
  }

  isHeardBy(handler: Parameters<PeerSocket["receive"]>[0]): boolean {
    return this.handler === handler
  }

  /** The socket for IPv6, opened if that was not tried yet. None where the machine has none, or the port is in use. */
  openIpv6(): UdpSocket | undefined {
    if (this.triedIpv6 || !this.isOpen) return this.ipv6
    this.triedIpv6 = true
    this.ipv6 = UdpSocket.bindNow(allIpv6, this.port)
    this.ipv6?.listen(this.handler)
    return this.ipv6
  }

  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.isOpen = false
      return Effect.andThen(
        this.ipv4?.close ?? Effect.void,
        Effect.suspend(() => this.ipv6?.close ?? Effect.void),
      )
    })
  }
}

const toPeerSocket = (sockets: Sockets, address: string, isEverywhere: boolean): PeerSocket => ({
  local: { address, port: sockets.port },
  send: (datagram, to, ttl) => {
    const socket = Endpoint.isIpv6(to.address)
      ? (sockets.ipv6 ?? (isEverywhere ? sockets.openIpv6() : undefined))
      : sockets.ipv4
    socket?.send(datagram, to, ttl)
  },
  receive: (handler) =>
    Effect.flatMap(Effect.scope, (scope) => {
      sockets.listen(handler)
      // Not `acquireRelease`, which would keep all that this fiber knows for as long as the socket is open.
      const unlisten = Effect.sync(() => {
        if (sockets.isHeardBy(handler)) sockets.listen(undefined)
      })
      return Scope.addFinalizer(scope, unlisten)
    }).pipe(Effect.uninterruptible),
})

const resolve = (host: string): Effect.Effect<string, ResolveError> => {
  const address = Endpoint.canonicalAddress(host)
  if (Option.isSome(address)) return Effect.succeed(address.value)
  return Effect.callback((resume) => {
    Dns.lookup(host, { order: "ipv4first" }, (error, found) => {
      const canonical = error === null ? Endpoint.canonicalAddress(found) : Option.none()
      resume(Effect.mapError(Effect.fromOption(canonical), () => new ResolveError({ host })))
    })
  })
}

/** Those of the interfaces that are up. Temporary and stable addresses of IPv6 are not told apart. */
const addresses = Effect.sync((): ReadonlyArray<string> => {
  const found = Object.values(Os.networkInterfaces())
    .flatMap((interfaces) => interfaces ?? [])
    .filter(({ address }) => !linkLocal.test(address))
    .toSorted((a, b) => Number(a.internal) - Number(b.internal))
  const canonical = found.flatMap(({ address }) => Option.toArray(Endpoint.canonicalAddress(address)))
  return [...new Set(canonical.filter(Endpoint.isUnicast))]
})

/** RFC 3927 and RFC 4291, section 2.5.6: they mean nothing without a zone, or beyond one link. */
const linkLocal = /^169\.254\.|^fe[89ab]/i

export const layer: Layer.Layer<PeerTransport> = Layer.succeed(
  PeerTransport,
  PeerTransport.of({ bind, resolve, addresses }),
)
