/**
 * `RendezvousTransport` on TCP (`node:net`).
 *
 * Not on `effect/socket/SocketServer`: a write to a dead connection never returns there, and an idle connection costs
 * several times as much memory (`docs/decisions/0003-sockets.md`).
 */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Net from "node:net"
import * as Endpoint from "../../domain/Endpoint.ts"
import {
  type Connection,
  ConnectError,
  ConnectionClosed,
  type Listener,
  lingerMillis,
  ListenError,
  outboxBytes,
  RendezvousTransport,
} from "../../services/RendezvousTransport.ts"
import { errorCode } from "./errorCode.ts"

/** Received bytes that wait for their reader; the other side has to wait beyond that. */
const inboxBytes = 64 * 1024
/** What a chunk takes in memory beside its bytes, roughly: many of one byte must not take much more than one of many. */
const chunkBytes = 512
/** How long connecting may take, in milliseconds. */
const connectMillis = 10_000
/** A silent connection is probed after this long, so that a vanished host is noticed within a minute. Milliseconds. */
const probeMillis = 30_000

const ended = Effect.fail(new ConnectionClosed({ reason: "Ended" }))
const reset = Effect.fail(new ConnectionClosed({ reason: "Reset" }))

/** A connection on a socket that is open. */
const fromSocket = (socket: Net.Socket): Connection => {
  const remote = endpointOf(socket.remoteAddress, socket.remotePort)
  const local = endpointOf(socket.localAddress, socket.localPort)
  let inbox: Array<Uint8Array> = []
  let inboxLength = 0
  let closing: Effect.Effect<never, ConnectionClosed> | undefined
  let ending = false
  let reader: ((received: Effect.Effect<Uint8Array, ConnectionClosed>) => void) | undefined

  const close = (how: Effect.Effect<never, ConnectionClosed>): void => {
    closing ??= how
    const waiting = reader
    reader = undefined
    waiting?.(closing)
  }

  socket.setNoDelay(true)
  socket.setKeepAlive(true, probeMillis)
  socket.on("data", (chunk: Uint8Array) => {
    if (reader !== undefined) {
      const waiting = reader
      reader = undefined
      waiting(Effect.succeed(chunk))
      return
    }
    if (inboxLength > inboxBytes) {
      // Once we have said our last word, the other side's must be read for its end to be seen.
      if (ending) return
      socket.pause()
    }
    inbox.push(chunk)
    inboxLength += chunk.length + chunkBytes
  })
  socket.on("end", () => close(ended))
  socket.on("error", () => close(reset))
  socket.on("close", () => close(reset))

  /** Once begun, it comes to its end without anybody waiting for it. */
  const end = (): void => {
    if (ending || socket.destroyed) return
    ending = true
    socket.resume()
    socket.end()
    const timer = setTimeout(() => socket.destroy(), lingerMillis)
    socket.once("close", () => clearTimeout(timer))
  }

  return {
    local,
    remote,
    receive: Effect.callback((resume) => {
      const chunk = inbox.length > 1 ? Buffer.concat(inbox) : inbox[0]
      if (chunk !== undefined) {
        inbox = []
        inboxLength = 0
        if (socket.isPaused()) socket.resume()
        return resume(Effect.succeed(chunk))
      }
      if (closing !== undefined) return resume(closing)
      reader = resume
      return Effect.sync(() => {
        if (reader === resume) reader = undefined
      })
    }),
    send: (text) => {
      if (!socket.writable || text === "") return
      socket.write(text)
      if (socket.writableLength > outboxBytes) socket.resetAndDestroy()
    },
    isOpen: () => socket.writable,
    drained: Effect.suspend(() =>
      socket.writableNeedDrain && !socket.destroyed
        ? Effect.callback<void>((resume) => {
            const done = (): void => {
              socket.off("drain", done)
              socket.off("close", done)
              resume(Effect.void)
            }
            socket.on("drain", done)
            socket.on("close", done)
          })
        : Effect.void,
    ),
    end: Effect.callback<void>((resume) => {
      if (socket.destroyed) return resume(Effect.void)
      socket.once("close", () => resume(Effect.void))
      end()
    }),
    abort: () => void socket.resetAndDestroy(),
  }
}

const endpointOf = (address: string | undefined, port: number | undefined): Endpoint.Endpoint => ({
  address: Option.getOrElse(Endpoint.canonicalAddress(address ?? ""), () => "0.0.0.0"),
  port: port ?? 0,
})

const listen = Effect.fnUntraced(function* (options: { readonly address: string; readonly port: number }) {
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
      server.once("error", (cause) => resume(Effect.fail(new ListenError({ reason: listenReason(cause), ...options }))))
      server.listen({ host: options.address, port: options.port, exclusive: true }, () => {
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
        accept = (socket) => {
          if (socket.destroyed) return
          const connection = fromSocket(socket)
          run(
            handler(connection).pipe(
              Effect.ensuring(connection.end),
              Effect.ignoreCause({ log: "Error", message: "a connection's handler failed" }),
            ),
          )
        }
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            // Who comes while the others are sent away is told by the end of the connection.
            accept = (socket) => socket.destroy()
          }),
        )
        for (const socket of pending) accept(socket)
        pending.clear()
        return yield* Effect.never
      }),
    )
  return { local: endpointOf(bound.address, bound.port), serve } satisfies Listener
})

const connect = Effect.fnUntraced(function* (options: {
  readonly host: string
  readonly port: number
  readonly localAddress?: string | undefined
}) {
  const { host, port, localAddress } = options
  return yield* Effect.acquireRelease(
    Effect.callback<Connection, ConnectError>((resume) => {
      const socket = Net.connect({
        host,
        port,
        allowHalfOpen: true,
        ...(localAddress === undefined ? {} : { localAddress }),
      })
      socket.once("error", (cause) =>
        resume(Effect.fail(new ConnectError({ reason: connectReason(cause), host, port }))),
      )
      socket.once("connect", () => {
        socket.removeAllListeners("error")
        resume(Effect.succeed(fromSocket(socket)))
      })
      return Effect.sync(() => socket.destroy())
    }).pipe(
      Effect.timeoutOrElse({
        duration: connectMillis,
        orElse: () => Effect.fail(new ConnectError({ reason: "TimedOut", host, port })),
      }),
    ),
    // Begun, not awaited: leaving must not take as long as a server that does not end its side.
    ({ end }) => Effect.asVoid(Effect.forkDetach(end, { startImmediately: true })),
    { interruptible: true },
  )
})

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
