/**
 * UDP ports: bind one, send to an address, receive what comes from anywhere.
 *
 * Provided by `adapters/node/NodePeerTransport` (real sockets) and by a host of `adapters/memory/MemoryNetwork`.
 *
 * The path of a datagram is plain synchronous code (`send`, the handler of `receive`): fibers are for time, life and
 * death. `datagrams` makes a bounded Stream of it where speed does not matter.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Endpoint, formatHostPort } from "../domain/Endpoint.ts"

/** One bound UDP port, open as long as its scope. */
export interface PeerSocket {
  /** The address and port it is bound to; the address may be unspecified (`0.0.0.0`, `::`). */
  readonly local: Endpoint
  /**
   * Hands one datagram to the network, which may lose it: nothing is reported, nothing throws. What can't be sent (too
   * large, to port 0, after the end) is lost.
   *
   * @param datagram at most 65,507 bytes; not kept
   * @param ttl how many hops it may take, 1 to 255: the time to live of IPv4, the hop limit of IPv6. The system's own
   *   number without it, of this datagram alone: the next one is as if there had been none.
   */
  readonly send: (datagram: Uint8Array, to: Endpoint, ttl?: number) => void
  /**
   * Calls the handler for each datagram until the scope closes. One handler at a time: a second one takes over.
   * Without a handler datagrams are dropped. The handler must not throw.
   */
  readonly receive: (handler: (datagram: Uint8Array, from: Endpoint) => void) => Effect.Effect<void, never, Scope.Scope>
}

export interface Datagram {
  readonly payload: Uint8Array
  readonly from: Endpoint
}

/** Why a port could not be bound. */
export class BindError extends Schema.TaggedError<BindError>("nomitm/BindError")("BindError", {
  reason: Schema.Literals(["InUse", "NoSuchAddress", "NotPermitted", "Unknown"]),
  address: Schema.String,
  port: Schema.Int,
}) {
  override get message(): string {
    return `Can't bind UDP ${formatHostPort(this.address, this.port)}: ${bindProblems[this.reason]}`
  }
}

const bindProblems = {
  InUse: "the port is in use",
  NoSuchAddress: "no address of this machine",
  NotPermitted: "not permitted",
  Unknown: "unknown reason",
}

/** A host name that has no address, as far as can be found out now. */
export class ResolveError extends Schema.TaggedError<ResolveError>("nomitm/ResolveError")("ResolveError", {
  host: Schema.String,
}) {
  override get message(): string {
    return `No address found for ${this.host}`
  }
}

export class PeerTransport extends Context.Service<
  PeerTransport,
  {
    /**
     * Binds a UDP port that nobody else holds.
     *
     * @param options.port 0 lets the system choose
     * @param options.address the local address; all addresses, IPv4 and IPv6, without it. Then what comes over IPv6 may be
     *   dropped until something is sent there; at `::` it is received from the start
     */
    readonly bind: (options: {
      readonly port: number
      readonly address?: string | undefined
    }) => Effect.Effect<PeerSocket, BindError, Scope.Scope>
    /** The address of a host: itself if it is an address, otherwise what its name resolves to. */
    readonly resolve: (host: string) => Effect.Effect<string, ResolveError>
    /**
     * This machine's own unicast addresses as they are now, in canonical form: IPv4, and of IPv6 those that are global or
     * unique local (RFC 4193). Loopback comes last; link-local addresses and those with a zone are left out.
     */
    readonly addresses: Effect.Effect<ReadonlyArray<string>>
  }
>()("nomitm/services/PeerTransport") {}

/** At which of this machine's addresses a socket can be reached: the one it is bound to, or all there are now. */
export const addressesOf = (
  { addresses }: PeerTransport["Service"],
  { local: { address } }: PeerSocket,
): Effect.Effect<ReadonlyArray<string>> =>
  address === "0.0.0.0" || address === "::" ? addresses : Effect.succeed([address])

/**
 * What arrives, as a Stream; while its consumer is behind by more than `capacity` datagrams, new ones are dropped, as a
 * kernel does.
 */
export const datagrams = (socket: PeerSocket, capacity = 1024): Stream.Stream<Datagram> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const queue = yield* Queue.dropping<Datagram>(capacity)
      yield* socket.receive((payload, from) => {
        Queue.offerUnsafe(queue, { payload, from })
      })
      return Stream.fromQueue(queue)
    }),
  )
