/**
 * The connections between clients and the rendezvous server: reliable, ordered bytes, in plaintext or over TLS 1.3.
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
import type { ServerIdentity, ServerIdentityError } from "./ServerIdentity.ts"

/**
 * What may wait in the outbox of one connection, in bytes; one more and the connection is reset. The longest list of
 * users a server sends (10,000 names of 32 characters) is 1.3 MB.
 */
export const outboxBytes = 2 * 1024 * 1024

/** How long an ended connection waits for the other side to end, too, in milliseconds. */
export const lingerMillis = 2000

/** How long a TLS handshake may take, in milliseconds: at a listener from the first moment of the connection on. */
export const handshakeMillis = 10_000

/** The TLS session of a connection. Its server has proven to have the key; whether that is the right one is not said. */
export interface Secured {
  /**
   * 32 bytes that both ends of this session have, and nobody else: RFC 8446, section 7.5, label
   * `EXPORTER-nomitm-1-register`, no context.
   */
  readonly exporter: Uint8Array
  /** SHA-256 of the server's SubjectPublicKeyInfo (DER), 32 bytes. */
  readonly serverKey: Uint8Array
  /** At the client: whether the server's certificate chain is valid for the host it was asked for. False at the server. */
  readonly webPki: boolean
}

/**
 * How the other side's stream ended: with everything it sent (`Ended`), or cut off (`Reset`).
 *
 * Over TLS whoever is in the middle can end a stream early, too: an end says nothing that a message should say.
 */
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
  /** None in plaintext. */
  readonly secured: Secured | undefined
  /** Waits for more bytes. What was received before the end is delivered first; then it fails, again and again. */
  readonly receive: Effect.Effect<Uint8Array, ConnectionClosed>
  /** Puts text, as UTF-8, into the outbox. After the end nothing happens. */
  readonly send: (text: string) => void
  /** Whether what is sent now may still arrive: neither was the connection cut off, nor this side's stream ended. */
  readonly isOpen: () => boolean
  /** How much waits in the outbox, in bytes. */
  readonly queued: () => number
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
  reason: Schema.Literals(["InUse", "NoSuchAddress", "NotPermitted", "BadIdentity", "Unknown"]),
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
  BadIdentity: "the key and certificate can't be used for TLS",
  Unknown: "unknown reason",
}

/** Why a server can't be reached. */
export class ConnectError extends Schema.TaggedError<ConnectError>("nomitm/ConnectError")("ConnectError", {
  reason: Schema.Literals([
    "UnknownHost",
    "Refused",
    "Unreachable",
    "TimedOut",
    "NoSuchLocalAddress",
    /** It answers in plaintext. */
    "NotTls",
    /** No TLS 1.3 came about. */
    "TlsFailed",
    "Unknown",
  ]),
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
  NotTls: "it speaks plaintext, not TLS",
  TlsFailed: "no TLS 1.3 connection came about",
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
  /**
   * Takes another key and certificate for the connections to come; those that are open stay. Fails, and keeps what it
   * has, if they can't be used; a listener without TLS has no use for any.
   */
  readonly useIdentity: (identity: ServerIdentity) => Effect.Effect<void, ServerIdentityError>
}

export class RendezvousTransport extends Context.Service<
  RendezvousTransport,
  {
    /**
     * Listens at an address. With a TLS identity, plaintext and TLS share the port: a client whose first byte is 0x16
     * means TLS, and comes to the handler when the handshake is done; one that says anything else, or nothing for
     * `handshakeMillis`, comes as it is, with nothing `secured`.
     *
     * @param options.port 0 lets the system choose
     * @param options.tls without it, all is plaintext
     */
    readonly listen: (options: {
      readonly address: string
      readonly port: number
      readonly tls?: ServerIdentity | undefined
    }) => Effect.Effect<Listener, ListenError, Scope.Scope>
    /**
     * Connects to a server; closed with the scope.
     *
     * Over TLS nothing has been sent yet, and any key is taken: look at `secured`, and leave if it is not the right one
     * (`ServerTrust`). It never falls back to plaintext.
     *
     * @param options.security plaintext without it
     * @param options.localAddress where to connect from; any local address without it
     */
    readonly connect: (options: {
      readonly host: string
      readonly port: number
      readonly security?: "Plaintext" | "Tls" | undefined
      readonly localAddress?: string | undefined
    }) => Effect.Effect<Connection, ConnectError, Scope.Scope>
  }
>()("nomitm/services/RendezvousTransport") {}
