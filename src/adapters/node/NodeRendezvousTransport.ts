/**
 * `RendezvousTransport` on TCP (`node:net`) and TLS (`node:tls`).
 *
 * Not on `effect/socket/SocketServer`: a write to a dead connection never returns there, and an idle connection costs
 * several times as much memory (`docs/decisions/0003-sockets.md`).
 */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Net from "node:net"
import * as Tls from "node:tls"
import {
  type Connection,
  ConnectError,
  handshakeMillis,
  type Listener,
  ListenError,
  RendezvousTransport,
} from "../../services/RendezvousTransport.ts"
import { type ServerIdentity, ServerIdentityError } from "../../services/ServerIdentity.ts"
import { errorCode } from "./errorCode.ts"
import { endpointOf, fromSocket } from "./NodeConnection.ts"
import * as NodeTls from "./NodeTls.ts"
import * as TlsAdmission from "./TlsAdmission.ts"

/** How long connecting may take, in milliseconds; a TLS handshake comes on top. */
const connectMillis = 10_000

const listen = Effect.fnUntraced(function* (options: {
  readonly address: string
  readonly port: number
  readonly tls?: ServerIdentity | undefined
}) {
  const { address, port, tls } = options
  const admission =
    tls === undefined
      ? undefined
      : yield* Effect.try({
          try: () => TlsAdmission.make(tls),
          catch: () => new ListenError({ reason: "BadIdentity", address, port }),
        })
  const pending = new Set<Net.Socket>()
  const keep = (socket: Net.Socket): void => {
    pending.add(socket)
    socket.once("close", () => pending.delete(socket))
  }
  let accept = keep
  const server = yield* Effect.acquireRelease(
    Effect.callback<Net.Server, ListenError>((resume) => {
      const server = Net.createServer({ allowHalfOpen: true }, (socket) => {
        // A connection can be reset before anybody looks at it.
        socket.on("error", () => {})
        accept(socket)
      })
      server.once("error", (cause) =>
        resume(Effect.fail(new ListenError({ reason: listenReason(cause), address, port }))),
      )
      server.listen({ host: address, port, exclusive: true }, () => {
        server.removeAllListeners("error")
        server.on("error", () => {})
        resume(Effect.succeed(server))
      })
    }),
    (server) =>
      Effect.sync(() => {
        server.close()
        for (const socket of pending) socket.destroy()
      }),
  )
  const bound = server.address() as Net.AddressInfo

  const serve: Listener["serve"] = (handler) =>
    Effect.scoped(
      Effect.gen(function* () {
        const run = yield* FiberSet.makeRuntime<Effect.Services<ReturnType<typeof handler>>, void, never>()
        const admitted = (connection: Connection): void => {
          run(
            handler(connection).pipe(
              Effect.ensuring(connection.end),
              Effect.ignoreCause({ log: "Error", message: "a connection's handler failed" }),
            ),
          )
        }
        accept = (socket) => {
          if (admission !== undefined) admission.admit(socket, admitted)
          else if (!socket.destroyed) admitted(fromSocket(socket))
        }
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            // Who comes while the others are sent away is told by the end of the connection.
            accept = (socket) => socket.destroy()
            admission?.close()
          }),
        )
        for (const socket of pending) accept(socket)
        pending.clear()
        return yield* Effect.never
      }),
    )
  return {
    local: endpointOf(bound.address, bound.port),
    serve,
    useIdentity: (identity) =>
      Effect.try({
        try: () => admission?.useIdentity(identity),
        catch: () =>
          new ServerIdentityError({
            reason: "Invalid",
            message: "They can't be used for TLS.",
            hint: "Give a certificate with its key, both in PEM.",
          }),
      }),
  } satisfies Listener
})

interface Destination {
  readonly host: string
  readonly port: number
  readonly localAddress?: string | undefined
}

const connect = Effect.fnUntraced(function* (
  options: Destination & { readonly security?: "Plaintext" | "Tls" | undefined },
) {
  const made: { connection?: Connection } = {}
  const wire = yield* Effect.acquireRelease(
    connectWire(options),
    (wire) =>
      made.connection === undefined
        ? Effect.sync(() => void wire.destroy())
        : // Begun, not awaited: leaving must not take as long as a server that does not end its side.
          Effect.asVoid(Effect.forkDetach(made.connection.end, { startImmediately: true })),
    { interruptible: true },
  )
  return (made.connection = options.security === "Tls" ? yield* secure(wire, options) : fromSocket(wire))
})

const connectWire = ({ host, port, localAddress }: Destination): Effect.Effect<Net.Socket, ConnectError> =>
  Effect.callback<Net.Socket, ConnectError>((resume) => {
    const socket = Net.connect({
      host,
      port,
      allowHalfOpen: true,
      ...(localAddress === undefined ? {} : { localAddress }),
    })
    socket.once("error", (cause) => resume(Effect.fail(new ConnectError({ reason: connectReason(cause), host, port }))))
    socket.once("connect", () => {
      socket.removeAllListeners("error")
      // It can be reset before the next look at it.
      socket.on("error", () => {})
      resume(Effect.succeed(socket))
    })
    return Effect.sync(() => socket.destroy())
  }).pipe(
    Effect.timeoutOrElse({
      duration: connectMillis,
      orElse: () => Effect.fail(new ConnectError({ reason: "TimedOut", host, port })),
    }),
  )

/** The TLS session on a connection; the connection is closed if there is none. */
const secure = (wire: Net.Socket, { host, port }: Destination): Effect.Effect<Connection, ConnectError> => {
  const fail = (reason: ConnectError["reason"]) => Effect.fail(new ConnectError({ reason, host, port }))
  return Effect.callback<Connection, ConnectError>((resume) => {
    const session = Tls.connect({
      ...NodeTls.versions,
      socket: wire,
      // Which key it is, the caller decides.
      rejectUnauthorized: false,
      // An address is no name that a server could be asked by (RFC 6066, section 3).
      ...(Net.isIP(host) === 0 ? { servername: host } : {}),
    })
    session.once("error", (cause) => {
      wire.destroy()
      resume(fail(plaintextSigns.has(errorCode(cause) ?? "") ? "NotTls" : "TlsFailed"))
    })
    session.once("secureConnect", () => {
      const secured = NodeTls.atClient(session, host)
      if (secured === undefined) {
        session.destroy()
        return resume(fail("TlsFailed"))
      }
      session.removeAllListeners("error")
      resume(Effect.succeed(fromSocket(session, secured, wire)))
    })
    return Effect.sync(() => {
      session.on("error", () => {})
      wire.destroy()
    })
  }).pipe(Effect.timeoutOrElse({ duration: handshakeMillis, orElse: () => fail("TlsFailed") }))
}

/** What OpenSSL says of an answer that is no TLS record at all. */
const plaintextSigns = new Set([
  "ERR_SSL_WRONG_VERSION_NUMBER",
  "ERR_SSL_PACKET_LENGTH_TOO_LONG",
  "ERR_SSL_HTTP_REQUEST",
])

const listenReason = (cause: unknown): ListenError["reason"] => {
  switch (errorCode(cause)) {
    case "EADDRINUSE":
      return "InUse"
    case "EADDRNOTAVAIL":
    case "EAFNOSUPPORT":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "NoSuchAddress"
    case "EACCES":
    case "EPERM":
      return "NotPermitted"
    default:
      return "Unknown"
  }
}

const connectReason = (cause: unknown): ConnectError["reason"] => {
  switch (errorCode(cause)) {
    case "ENOTFOUND":
    case "EAI_AGAIN":
    case "EAI_NODATA":
      return "UnknownHost"
    case "ECONNREFUSED":
    case "ECONNRESET":
      return "Refused"
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "ENETDOWN":
      return "Unreachable"
    case "ETIMEDOUT":
      return "TimedOut"
    case "EADDRNOTAVAIL":
    case "EINVAL":
      return "NoSuchLocalAddress"
    default:
      return "Unknown"
  }
}

export const layer: Layer.Layer<RendezvousTransport> = Layer.succeed(
  RendezvousTransport,
  RendezvousTransport.of({ listen, connect }),
)
