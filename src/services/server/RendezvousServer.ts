/**
 * The rendezvous server: keeps the list of who is online and starts chats, without ever seeing one.
 *
 * A layer that serves for as long as it lives. Needs a transport and a port allocator, and over TLS cryptography and a
 * store of names too; an Effect program embeds it by providing them (see `examples/embedded-server.ts`).
 *
 * Over TLS it speaks `nomitm/1` (`SecureConnection`), in plaintext `nomitm/0` (`ServerConnection`): two directories that
 * share a port and a negotiator, and do not see each other. Lookups over UDP are served where `ReflexiveLookups.layer` is
 * provided as well.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Dialect } from "../../domain/Dialect.ts"
import * as Endpoint from "../../domain/Endpoint.ts"
import type { ErrorCode } from "../../domain/ErrorCode.ts"
import * as PersonName from "../../domain/PersonName.ts"
import * as ServerAddress from "../../domain/ServerAddress.ts"
import * as ServerMessage from "../../domain/ServerMessage.ts"
import { CallDesk } from "./CallDesk.ts"
import type { Cryptography } from "../Cryptography.ts"
import { NameStore } from "../NameStore.ts"
import { Negotiator } from "./Negotiator.ts"
import * as PlaintextRefusal from "./PlaintextRefusal.ts"
import type { PortAllocator } from "../PortAllocator.ts"
import { ReflexiveLookups } from "./ReflexiveLookups.ts"
import { Registry } from "./Registry.ts"
import { type Connection, type ListenError, RendezvousTransport } from "../RendezvousTransport.ts"
import { SecureRegistry } from "./SecureRegistry.ts"
import type { ServerIdentity, ServerIdentityError } from "../ServerIdentity.ts"
import * as ServePlaintext from "./ServePlaintext.ts"
import * as ServeSecure from "./ServeSecure.ts"
import { ServerLimits } from "./ServerLimits.ts"
import { ServerObserver } from "../ServerObserver.ts"

/** How many connections that are over may take their time to end; beyond that they are cut off. */
const maxLeaving = 64

export interface Options {
  /** The address to listen at. `0.0.0.0` or `::` for all. */
  readonly address: string
  /** The TCP port; 0 lets the system choose. */
  readonly port: number
  /** Of plaintext. */
  readonly dialect: Dialect
}

export interface SecureOptions extends Options {
  /** The key and certificate to prove. */
  readonly tls: ServerIdentity
  /** Whether plaintext is served as well, on the same port. */
  readonly plaintext: boolean
  /** The host name that clients are to use, for the address that is reported; the local address without it. */
  readonly publicHost?: string | undefined
}

export class RendezvousServer extends Context.Service<
  RendezvousServer,
  {
    /** Where it listens. */
    readonly local: Endpoint.Endpoint
    /** The address to pass on, with the server's key; none in plaintext. */
    readonly url: string | undefined
    /** Takes another key and certificate for the connections to come. Fails, and keeps what it has, in plaintext. */
    readonly useIdentity: (identity: ServerIdentity) => Effect.Effect<void, ServerIdentityError>
  }
>()("nomitm/services/server/RendezvousServer") {
  /** Listens and serves plaintext. When the layer ends, clients are told so and get two seconds to take what waits. */
  static readonly layerNoDeps = (
    options: Options,
  ): Layer.Layer<RendezvousServer, ListenError, RendezvousTransport | Registry | Negotiator> =>
    Layer.effect(
      RendezvousServer,
      Effect.gen(function* () {
        const plaintext = yield* ServePlaintext.make(options.dialect, () => Effect.succeed(false))
        return yield* listen(options, plaintext)
      }),
    )

  /** The same with its negotiator and an in-memory registry. */
  static readonly layer = (
    options: Options,
  ): Layer.Layer<RendezvousServer, ListenError, RendezvousTransport | PortAllocator> =>
    RendezvousServer.layerNoDeps(options).pipe(Layer.provide([Negotiator.layer, Registry.layerMemory]))

  /** Listens and serves over TLS, and in plaintext too if that is wanted; otherwise says `Tls_required` there. */
  static readonly layerSecureNoDeps = (
    options: SecureOptions,
  ): Layer.Layer<
    RendezvousServer,
    ListenError,
    RendezvousTransport | Registry | Negotiator | SecureRegistry | CallDesk | NameStore | Cryptography
  > =>
    Layer.effect(
      RendezvousServer,
      Effect.gen(function* () {
        const names = yield* NameStore
        const isOwned = (name: string): Effect.Effect<boolean> =>
          Option.match(PersonName.parse(PersonName.fold(name)), {
            onNone: () => Effect.succeed(false),
            onSome: (name) =>
              Effect.flatMap(Clock.currentTimeMillis, (millis) => names.owner(name, Math.floor(millis / 1000))).pipe(
                Effect.map(Option.isSome),
                // Better nobody has the name than somebody else.
                Effect.catch(({ message, hint }) => Effect.as(Effect.logError(`${message} ${hint}`), true)),
              ),
          })
        const plaintext = yield* ServePlaintext.make(options.dialect, isOwned)
        const secure = yield* ServeSecure.make
        return yield* listen(options, options.plaintext ? plaintext : undefined, { options, serve: secure })
      }),
    )

  /** The same with all that is kept in memory but for the names. */
  static readonly layerSecure = (
    options: SecureOptions,
  ): Layer.Layer<RendezvousServer, ListenError, RendezvousTransport | PortAllocator | NameStore | Cryptography> =>
    RendezvousServer.layerSecureNoDeps(options).pipe(
      Layer.provide(CallDesk.layer),
      Layer.provide([Negotiator.layer, Registry.layerMemory, SecureRegistry.layerMemory]),
    )
}

/**
 * Listens, and admits connections within the limits.
 *
 * @param plaintext serves plaintext; without it, plaintext is told that TLS is needed
 * @param secure serves TLS
 */
const listen = Effect.fnUntraced(function* (
  options: Options,
  plaintext: ServePlaintext.Serve | undefined,
  secure?: {
    readonly options: SecureOptions
    readonly serve: ServeSecure.Serve
  },
) {
  const transport = yield* RendezvousTransport
  const limits = yield* ServerLimits
  const report = yield* ServerObserver
  const { places } = yield* ReflexiveLookups
  const { address, port, dialect } = options

  const listener = yield* transport.listen({ address, port, tls: secure?.options.tls })
  const open = new Set<Connection>()
  const perCustomer = new Map<string, number>()

  /** The same words in both protocols. */
  const tell = (connection: Connection, code: ErrorCode): void =>
    connection.send(ServerMessage.encode(dialect, { _tag: "Error", code, about: Option.none() }))

  /** Connections that are over and still have to take the last word. */
  let leaving = 0
  const dismiss = (connection: Connection): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (leaving >= maxLeaving) return Effect.sync(connection.abort)
      leaving++
      return Effect.ensuring(
        connection.end,
        Effect.sync(() => void leaving--),
      )
    })

  const refusal = (connection: Connection, code: ErrorCode): Effect.Effect<void> =>
    Effect.sync(() => {
      report({ event: "refused", address: Endpoint.format(connection.remote), code })
      tell(connection, code)
    })

  const serveOne: ServePlaintext.Serve = (connection) => {
    if (connection.secured !== undefined && secure !== undefined) return secure.serve(connection, connection.secured)
    if (plaintext !== undefined) return plaintext(connection)
    return Effect.andThen(PlaintextRefusal.awaitFirstLine(connection), refusal(connection, "Tls_required"))
  }

  const serve = (connection: Connection): Effect.Effect<void> =>
    Effect.suspend(() => {
      const refuse = (code: ErrorCode) => Effect.andThen(refusal(connection, code), dismiss(connection))
      const customer = Endpoint.customer(connection.remote.address)
      const others = perCustomer.get(customer) ?? 0
      if (open.size >= limits.connections) return refuse("Server_full")
      if (others >= limits.connectionsPerAddress) return refuse("Too_many_connections")
      open.add(connection)
      perCustomer.set(customer, others + 1)
      return serveOne(connection).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            open.delete(connection)
            const left = perCustomer.get(customer)! - 1
            if (left === 0) perCustomer.delete(customer)
            else perCustomer.set(customer, left)
          }),
        ),
        Effect.andThen(dismiss(connection)),
      )
    })

  yield* Effect.forkScoped(listener.serve(serve), { startImmediately: true })
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const connection of open) tell(connection, "Shutting_down")
    }),
  )
  const { local } = listener
  const url =
    secure === undefined
      ? undefined
      : ServerAddress.format({
          host: secure.options.publicHost ?? local.address,
          port: local.port,
          pins: [secure.options.tls.serverKey],
        })
  report({
    event: "listening",
    host: local.address,
    port: local.port,
    ...(url === undefined ? {} : { url }),
    ...(places === undefined || secure === undefined ? {} : { udp: places.ports }),
    ...(places === undefined || secure === undefined || Option.isNone(places.alternate)
      ? {}
      : { alternate: places.alternate.value }),
  })
  return RendezvousServer.of({ local, url, useIdentity: listener.useIdentity })
})
