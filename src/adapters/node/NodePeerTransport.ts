/**
 * `PeerTransport` on the system's UDP sockets (`node:dgram`).
 *
 * Not on `effect/socket/DatagramSocket`: its reader and writer are fibers with queues, which the synchronous path of a
 * datagram can do without (`docs/decisions/0003-sockets.md`).
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Dgram from "node:dgram"
import * as Dns from "node:dns"
import * as Os from "node:os"
import * as Endpoint from "../../domain/Endpoint.ts"
import { BindError, type PeerSocket, PeerTransport, ResolveError } from "../../services/PeerTransport.ts"
import { errorCode } from "./errorCode.ts"

/** What the kernel may keep for us while we are busy: a flood at the start of a chat must not push out the rest. Bytes. */
const receiveBufferBytes = 4 * 1024 * 1024

const bind = Effect.fnUntraced(function* (options: { readonly port: number; readonly address?: string | undefined }) {
  if (options.address !== undefined) return yield* bindAt(options.address, options.port)
  return yield* bindAt("::", options.port).pipe(
    // Without IPv6 on this machine.
    Effect.catchIf(
      (error) => error.reason === "NoSuchAddress",
      () => bindAt("0.0.0.0", options.port),
    ),
  )
})

const bindAt = Effect.fnUntraced(function* (address: string, port: number) {
  const ipv6 = Endpoint.isIpv6(address)
  const bound = yield* Effect.acquireRelease(
    Effect.callback<Bound, BindError>((resume) => {
      const socket = Dgram.createSocket({
        type: ipv6 ? "udp6" : "udp4",
        reuseAddr: false,
        // Only numeric addresses are sent to: no look-up, no turn of the event loop.
        lookup: (host, _options, callback) => callback(null, host, ipv6 ? 6 : 4),
      })
      socket.once("error", (cause) => {
        socket.close()
        resume(Effect.fail(new BindError({ reason: bindReason(cause), address, port })))
      })
      socket.bind({ address, port, exclusive: true }, () => {
        socket.removeAllListeners("error")
        // A datagram that could not be sent is a lost datagram.
        socket.on("error", () => {})
        try {
          socket.setRecvBufferSize(receiveBufferBytes)
        } catch {
          // The system's own size then.
        }
        resume(Effect.succeed({ socket, isOpen: true }))
      })
    }),
    (bound) =>
      Effect.callback<void>((resume) => {
        bound.isOpen = false
        bound.socket.close(() => resume(Effect.void))
      }),
  )
  return fromSocket(bound, ipv6 && address === "::")
})

interface Bound {
  readonly socket: Dgram.Socket
  /** A socket that is being closed throws when it is used. */
  isOpen: boolean
}

/** @param dualStack IPv4 addresses are written `::ffff:a.b.c.d` on this socket */
const fromSocket = (bound: Bound, dualStack: boolean): PeerSocket => {
  const { socket } = bound
  const { address, port } = socket.address()
  return {
    local: { address, port },
    send: (datagram, to) => {
      if (!bound.isOpen || !Endpoint.isPort(to.port)) return
      const host = dualStack && !Endpoint.isIpv6(to.address) ? mappedPrefix + to.address : to.address
      socket.send(datagram, to.port, host)
    },
    receive: (handler) =>
      Effect.asVoid(
        Effect.acquireRelease(
          Effect.sync(() => {
            const listener = (datagram: Uint8Array, from: Dgram.RemoteInfo): void => handler(datagram, normalise(from))
            socket.removeAllListeners("message")
            socket.on("message", listener)
            return listener
          }),
          (listener) => Effect.sync(() => socket.off("message", listener)),
        ),
      ),
  }
}

const mappedPrefix = "::ffff:"

const normalise = (from: Dgram.RemoteInfo): Endpoint.Endpoint =>
  from.address.startsWith(mappedPrefix) && from.address.includes(".")
    ? { address: from.address.slice(mappedPrefix.length), port: from.port }
    : from

const bindReason = (cause: unknown): BindError["reason"] => {
  switch (errorCode(cause)) {
    case "EADDRINUSE":
      return "InUse"
    case "EADDRNOTAVAIL":
    case "EAFNOSUPPORT":
    case "EINVAL":
    case "ENOTFOUND":
      return "NoSuchAddress"
    case "EACCES":
    case "EPERM":
      return "NotPermitted"
    default:
      return "Unknown"
  }
}

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
    .sort((a, b) => Number(a.internal) - Number(b.internal))
  const canonical = found.flatMap(({ address }) => Option.toArray(Endpoint.canonicalAddress(address)))
  return [...new Set(canonical.filter(Endpoint.isUnicast))]
})

/** RFC 3927 and RFC 4291, section 2.5.6: they mean nothing without a zone, or beyond one link. */
const linkLocal = /^169\.254\.|^fe[89ab]/i

export const layer: Layer.Layer<PeerTransport> = Layer.succeed(
  PeerTransport,
  PeerTransport.of({ bind, resolve, addresses }),
)
