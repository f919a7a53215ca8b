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
import { type Endpoint, formatHostPort } from "../domain/Endpoint.ts"

/**
 * What may wait in the outbox of one connection, in bytes; one more and the connection is reset. The longest list of
 * users a server sends (10,000 names of 32 characters) is 1.3 MB.
 */
export const outboxBytes = 2 * 1024 * 1024

/** How long an ended connection waits for the other side to end, too, in milliseconds. */
export const lingerMillis = 2000

/** How the other side's stream ended: with everything it sent (`Ended`), or cut off (`Reset`). */
export class ConnectionClosed extends Schema.TaggedError<ConnectionClosed>("nomitm/ConnectionClosed")(
  "ConnectionClosed",
  {
    reason: Schema.Literals(["Ended", "Reset"]),
  },
) {
  override get message(): string {
    return this.reason === "Ended" ? "The other side ended the connection" : "The connection was cut off"
  }
}

export interface Connection {
  readonly local: Endpoint
  /** The other side as seen from here. */
  readonly remote: Endpoint
  /** Waits for more bytes. What was received before the end is delivered first; then it fails, again and again. */
  readonly receive: Effect.Effect<Uint8Array, ConnectionClosed>
  /** Puts text, as UTF-8, into the outbox. After the end nothing happens. */
  readonly send: (text: string) => void
  /** Whether what is sent now may still arrive: neither was the connection cut off, nor this side's stream ended. */
  readonly isOpen: () => boolean
  /** Waits until the other side has taken most of the outbox; at once if little waits or the connection is gone. */
  readonly drained: Effect.Effect<void>
  /**
   * Sends what waits, then ends the stream; the other side's can still be received. Waits until the other side has ended
   * its stream too, at most `lingerMillis`: then the connection is closed.
   */
  readonly end: Effect.Effect<void>
  /** Cuts the connection off at once. */
  readonly abort: () => void
}

/** Why a listener can't listen. */
export class ListenError extends Schema.TaggedError<ListenError>("nomitm/ListenError")("ListenError", {
  reason: Schema.Literals(["InUse", "NoSuchAddress", "NotPermitted", "Unknown"]),
  address: Schema.String,
  port: Schema.Int,
}) {
  override get message(): string {
    return `Can't listen at ${formatHostPort(this.address, this.port)}: ${listenProblems[this.reason]}`
  }
}

const listenProblems = {
  InUse: "the port is in use",
  NoSuchAddress: "no address of this machine",
  NotPermitted: "not permitted",
  Unknown: "unknown reason",
}

/** Why a server can't be reached. */
export class ConnectError extends Schema.TaggedError<ConnectError>("nomitm/ConnectError")("ConnectError", {
  reason: Schema.Literals(["UnknownHost", "Refused", "Unreachable", "TimedOut", "NoSuchLocalAddress", "Unknown"]),
  host: Schema.String,
  port: Schema.Int,
}) {
  override get message(): string {
    return `Can't connect to ${formatHostPort(this.host, this.port)}: ${connectProblems[this.reason]}`
  }
}

const connectProblems = {
  UnknownHost: "no such host",
  Refused: "nothing listens there",
  Unreachable: "no route",
  TimedOut: "no answer",
  NoSuchLocalAddress: "the local address can't be used",
  Unknown: "unknown reason",
}

export interface Listener {
  readonly local: Endpoint
  /**
   * Runs the handler in a fiber of its own for each connection, until interrupted. When a handler is done its
   * connection is closed: what waits in the outbox is still sent, for at most `lingerMillis`.
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
