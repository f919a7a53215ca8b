/**
 * The rendezvous server: keeps the list of who is online and starts chats, without ever seeing one.
 *
 * A layer that serves for as long as it lives. Needs a transport, a registry and a port allocator; an Effect program
 * embeds it by providing them (see `examples/embedded-server.ts`).
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Dialect } from "../domain/Dialect.ts"
import * as Endpoint from "../domain/Endpoint.ts"
import type { ErrorCode } from "../domain/ErrorCode.ts"
import * as ServerMessage from "../domain/ServerMessage.ts"
import { Negotiator } from "./Negotiator.ts"
import type { PortAllocator } from "./PortAllocator.ts"
import { type Member, Registry } from "./Registry.ts"
import { type Connection, type ListenError, RendezvousTransport } from "./RendezvousTransport.ts"
import * as ServerConnection from "./ServerConnection.ts"
import { ServerLimits } from "./ServerLimits.ts"
import { ServerObserver } from "./ServerObserver.ts"

/** How many connections that are over may take their time to end; beyond that they are cut off. */
const maxLeaving = 64

export interface Options {
  /** The address to listen at. `0.0.0.0` or `::` for all. */
  readonly address: string
  /** The TCP port; 0 lets the system choose. */
  readonly port: number
  readonly dialect: Dialect
}

export class RendezvousServer extends Context.Service<
  RendezvousServer,
  {
    /** Where it listens. */
    readonly local: Endpoint.Endpoint
  }
>()("nomitm/services/RendezvousServer") {
  /** Listens and serves. When the layer ends, clients are told so and get two seconds to take what waits for them. */
  static readonly layerNoDeps = (
    options: Options,
  ): Layer.Layer<RendezvousServer, ListenError, RendezvousTransport | Registry | Negotiator> =>
    Layer.effect(
      RendezvousServer,
      Effect.gen(function* () {
        const transport = yield* RendezvousTransport
        const registry = yield* Registry
        const negotiator = yield* Negotiator
        const limits = yield* ServerLimits
        const report = yield* ServerObserver
        const { dialect } = options

        const listener = yield* transport.listen(options)
        const runCall = yield* FiberSet.makeRuntime<never, void, never>()
        const open = new Set<Connection>()
        const perCustomer = new Map<string, number>()

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

        const refuse = (connection: Connection, code: ErrorCode): Effect.Effect<void> =>
          Effect.suspend(() => {
            report({ event: "refused", address: Endpoint.format(connection.remote), code })
            tell(connection, code)
            return dismiss(connection)
          })

        const onCall = (caller: Member, callee: Member): Effect.Effect<void> =>
          Effect.sync(() => {
            const names = { from: caller.name, to: callee.name }
            report({ event: "call", ...names })
            runCall(
              Effect.match(negotiator.call(caller, callee), {
                onSuccess: (outcome) => {
                  if (outcome._tag === "Started") report({ event: "chat", ...names, port: outcome.port })
                },
                onFailure: ({ code }) => report({ event: "failed", ...names, code }),
              }),
            )
          })

        const serve = (connection: Connection) =>
          Effect.suspend(() => {
            const customer = Endpoint.customer(connection.remote.address)
            const others = perCustomer.get(customer) ?? 0
            if (open.size >= limits.connections) return refuse(connection, "Server_full")
            if (others >= limits.connectionsPerAddress) return refuse(connection, "Too_many_connections")
            open.add(connection)
            perCustomer.set(customer, others + 1)
            let name: string | undefined
            return ServerConnection.serve({
              connection,
              dialect,
              limits,
              registry,
              onCall,
              onRegistered: (member) => {
                name = member.name
                report({ event: "registered", name, address: Endpoint.format(connection.remote) })
              },
            }).pipe(
              Effect.ensuring(
                Effect.sync(() => {
                  open.delete(connection)
                  const left = perCustomer.get(customer)! - 1
                  if (left === 0) perCustomer.delete(customer)
                  else perCustomer.set(customer, left)
                  if (name !== undefined) report({ event: "left", name })
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
        report({ event: "listening", host: listener.local.address, port: listener.local.port })
        return RendezvousServer.of({ local: listener.local })
      }),
    )

  /** The same with its negotiator and an in-memory registry. */
  static readonly layer = (
    options: Options,
  ): Layer.Layer<RendezvousServer, ListenError, RendezvousTransport | PortAllocator> =>
    RendezvousServer.layerNoDeps(options).pipe(Layer.provide([Negotiator.layer, Registry.layerMemory]))
}
