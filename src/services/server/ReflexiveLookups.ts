/**
 * Tells clients where their UDP sockets are seen (PROTOCOL.md, section 14.4): two UDP ports of the server, and the same
 * two at another address if it has one, so that a client can learn what its NAT does.
 *
 * Only who has a token is answered, with fewer bytes than were asked with, and so often at most: a request with a forged
 * source brings its victim nothing that the attacker could not send there faster. Everything else meets silence.
 *
 * A part of `RendezvousServer` that is there if this layer is; by default no lookups are served.
 *
 * @example
 *     RendezvousServer.layerSecure(options).pipe(
 *       Layer.provide(ReflexiveLookups.layer({ address: "192.0.2.1", ports: [6969, 6970] })),
 *     )
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Bytes from "../../domain/crypto/Bytes.ts"
import * as Endpoint from "../../domain/Endpoint.ts"
import * as Base64Field from "../../domain/nomitm1/Base64Field.ts"
import * as Lookup from "../../domain/reach/Lookup.ts"
import * as TokenBucket from "../../domain/TokenBucket.ts"
import { Cryptography } from "../Cryptography.ts"
import { monotonicReader } from "../monotonic.ts"
import { type BindError, type PeerSocket, PeerTransport } from "../PeerTransport.ts"
import { ServerLimits } from "./ServerLimits.ts"

/** Where lookups are answered. */
export interface Places {
  /** The UDP ports, at the address where the server listens. */
  readonly ports: readonly [Endpoint.Port, Endpoint.Port]
  /** Another address with the same ports. */
  readonly alternate: Option.Option<string>
}

/** What a client needs for its lookups. */
export interface Grant extends Places {
  /** 16 bytes that name it. */
  readonly token: Uint8Array
  /** 32 bytes that only it and the server know. */
  readonly key: Uint8Array
}

export interface ReflexiveLookups {
  /** None where no lookups are served. */
  readonly places: Places | undefined
  /**
   * A new token for a connection; the one it had before is dead. None where no lookups are served.
   *
   * @param connection its number, which no other one has
   */
  readonly grant: (connection: number) => Grant | undefined
  /** The connection is over: so is its token. */
  readonly revoke: (connection: number) => void
}

export const ReflexiveLookups = Context.Reference<ReflexiveLookups>("nomitm/services/server/ReflexiveLookups", {
  defaultValue: () => ({ places: undefined, grant: () => undefined, revoke: () => {} }),
})

export interface Options {
  /** Where the server listens. */
  readonly address: string
  /** 0 lets the system choose. */
  readonly ports: readonly [number, number]
  /** Another address of this machine. `address` has to be one as well then, not all there are. */
  readonly alternate?: string | undefined
}

interface Client {
  readonly token: string
  readonly keys: Lookup.Keys
  answers: TokenBucket.State
}

/** Binds the ports, and answers for as long as the layer lives. */
export const layer = (options: Options): Layer.Layer<never, BindError, PeerTransport | Cryptography> =>
  Layer.effect(
    ReflexiveLookups,
    Effect.gen(function* () {
      const { address, alternate } = options
      const transport = yield* PeerTransport
      const { primitives, randomBytes } = yield* Cryptography
      const limits = yield* ServerLimits
      const now = yield* monotonicReader
      const byToken = new Map<string, Client>()
      /** One for each connection: no more than there may be of those. */
      const byConnection = new Map<number, Client>()

      const answer = (socket: PeerSocket, datagram: Uint8Array, from: Endpoint.Endpoint): void => {
        const token = Lookup.tokenOf(datagram)
        const client = token === undefined ? undefined : byToken.get(Bytes.toBase64Url(token))
        if (client === undefined || !Endpoint.isUnicast(from.address)) return
        const transaction = Lookup.openRequest(primitives, client.keys, datagram)
        if (transaction === undefined) return
        // Nobody without the key uses up what the client may ask.
        const left = TokenBucket.tryTake(limits.lookups, client.answers, 1, now())
        if (left === undefined) return
        client.answers = left
        socket.send(Lookup.encodeReply(primitives, client.keys, transaction, from), from)
      }

      const serve = Effect.fnUntraced(function* (address: string, port: number) {
        const socket = yield* transport.bind({ address, port })
        yield* socket.receive((datagram, from) => answer(socket, datagram, from))
        return socket.local.port
      })

      const ports = [yield* serve(address, options.ports[0]), yield* serve(address, options.ports[1])] as const
      if (alternate !== undefined) for (const port of ports) yield* serve(alternate, port)
      const places: Places = { ports, alternate: Option.fromUndefinedOr(alternate) }

      const revoke = (connection: number): void => {
        const client = byConnection.get(connection)
        if (client === undefined) return
        byConnection.delete(connection)
        byToken.delete(client.token)
      }
      return {
        places,
        grant: (connection) => {
          const token = randomBytes(Base64Field.lookupTokenBytes)
          const key = randomBytes(Base64Field.lookupKeyBytes)
          const before = byConnection.get(connection)
          revoke(connection)
          const client: Client = {
            token: Bytes.toBase64Url(token),
            keys: Lookup.keys(primitives, key),
            // A new token gives nothing back.
            answers: before?.answers ?? TokenBucket.initial(limits.lookups, now()),
          }
          byConnection.set(connection, client)
          byToken.set(client.token, client)
          return { token, key, ...places }
        },
        revoke,
      }
    }),
  )
