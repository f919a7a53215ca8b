/**
 * The connections between clients and the rendezvous server: reliable, ordered bytes.
 *
 * Provided by `adapters/node/NodeRendezvousTransport` (TCP) and by a host of `adapters/memory/MemoryNetwork`.
 *
 * Sending never waits: bytes go to a bounded outbox, and who does not read them is disconnected when it is full. So
 * one slow or dead connection can't delay another.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Endpoint } from "../domain/Endpoint.ts"

/** What may wait in the outbox of one connection, in bytes; one more and the connection is reset. */
export const outboxBytes = 1024 * 1024

/** How the other side's stream ended: with everything it sent (`Ended`), or cut off (`Reset`). */
export class ConnectionClosed extends Schema.TaggedError<ConnectionClosed>("nomitm/ConnectionClosed")(
  "ConnectionClosed",
  {
    reason: Schema.Literals(["Ended", "Reset"]),
  },
) {}

export interface Connection {
  readonly local: Endpoint
  /** The other side as seen from here. */
  readonly remote: Endpoint
  /** Waits for more bytes. What was received before the end is delivered first; then it fails, again and again. */
  readonly receive: Effect.Effect<Uint8Array, ConnectionClosed>
  /** Puts text, as UTF-8, into the outbox. After the end nothing happens. */
  readonly send: (text: string) => void
  /** Waits until the other side has taken most of the outbox; at once if little waits or the connection is gone. */
  readonly drained: Effect.Effect<void>
  /**
   * Sends what waits, then ends the stream; the other side's can still be received. Waits until the other side has ended
   * its stream too, at most two seconds: then the connection is closed.
   */
  readonly end: Effect.Effect<void>
}

/** Why a listener can't listen. */
export class ListenError extends Schema.TaggedError<ListenError>("nomitm/ListenError")("ListenError", {
  reason: Schema.Literals(["InUse", "NoSuchAddress", "NotPermitted", "Unknown"]),
  address: Schema.String,
  port: Schema.Int,
}) {}

/** Why a server can't be reached. */
export class ConnectError extends Schema.TaggedError<ConnectError>("nomitm/ConnectError")("ConnectError", {
  reason: Schema.Literals(["UnknownHost", "Refused", "Unreachable", "TimedOut", "NoSuchLocalAddress", "Unknown"]),
  host: Schema.String,
  port: Schema.Int,
}) {}

export interface Listener {
  readonly local: Endpoint
  /**
   * Runs the handler in a fiber of its own for each connection, until interrupted. When a handler is done its
   * connection is closed: what waits in the outbox is still sent, for at most two seconds.
   */
  readonly serve: <R>(
    handler: (connection: Connection) => Effect.Effect<void, never, R>,
  ) => Effect.Effect<never, never, R>
}

export class RendezvousTransport extends Context.Service<
  RendezvousTransport,
  {
    /**
     * Listens at an address.
     *
     * @param options.port 0 lets the system choose
     */
    readonly listen: (options: {
      readonly address: string
      readonly port: number
    }) => Effect.Effect<Listener, ListenError, Scope.Scope>
    /**
     * Connects to a server; closed with the scope.
     *
     * @param options.localAddress where to connect from; any local address without it
     */
    readonly connect: (options: {
      readonly host: string
      readonly port: number
      readonly localAddress?: string | undefined
    }) => Effect.Effect<Connection, ConnectError, Scope.Scope>
  }
>()("nomitm/services/RendezvousTransport") {}
