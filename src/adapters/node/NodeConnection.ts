/**
 * A `Connection` on a socket of `node:net`, or on a TLS session over one: the same promises for both.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Net from "node:net"
import * as Endpoint from "../../domain/Endpoint.ts"
import {
  type Connection,
  ConnectionClosed,
  lingerMillis,
  outboxBytes,
  type Secured,
} from "../../services/RendezvousTransport.ts"

/** Received bytes that wait for their reader; the other side has to wait beyond that. */
const inboxBytes = 64 * 1024
/** What a chunk takes in memory beside its bytes, roughly: many of one byte must not take much more than one of many. */
const chunkBytes = 512
/** A silent connection is probed after this long, so that a vanished host is noticed within a minute. Milliseconds. */
const probeMillis = 30_000

const ended = Effect.fail(new ConnectionClosed({ reason: "Ended" }))
const cutOff = Effect.fail(new ConnectionClosed({ reason: "Reset" }))

/**
 * A connection on a socket that is open.
 *
 * @param secured the TLS session, if `socket` is one
 * @param wire what `socket` is on: itself in plaintext
 */
export const fromSocket = (socket: Net.Socket, secured?: Secured, wire: Net.Socket = socket): Connection => {
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

  wire.setNoDelay(true)
  wire.setKeepAlive(true, probeMillis)
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
  socket.on("error", () => close(cutOff))
  socket.on("close", () => close(cutOff))

  /** Once begun, it comes to its end without anybody waiting for it. */
  const end = (): void => {
    if (ending || socket.destroyed) return
    ending = true
    socket.resume()
    socket.end()
    const timer = setTimeout(() => socket.destroy(), lingerMillis)
    socket.once("close", () => clearTimeout(timer))
  }

  const reset = (): void => {
    // A TLS session can't do that itself, and would hear of it later: nothing more may be sent from now on. It goes first:
    // Node crashes when a session is destroyed whose wire is gone in the same turn.
    if (wire !== socket) socket.destroy()
    wire.resetAndDestroy()
  }

  return {
    local,
    remote,
    secured,
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
      if (socket.writableLength > outboxBytes) reset()
    },
    isOpen: () => socket.writable,
    queued: () => socket.writableLength,
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
    abort: reset,
  }
}

export const endpointOf = (address: string | undefined, port: number | undefined): Endpoint.Endpoint => ({
  address: Option.getOrElse(Endpoint.canonicalAddress(address ?? ""), () => "0.0.0.0"),
  port: port ?? 0,
})
