/**
 * Serves clients in plaintext: the part of `RendezvousServer` that speaks `nomitm/0`.
 */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type { Dialect } from "../../domain/Dialect.ts"
import * as Endpoint from "../../domain/Endpoint.ts"
import { Negotiator } from "./Negotiator.ts"
import { type Member, Registry } from "./Registry.ts"
import type { Connection } from "../RendezvousTransport.ts"
import * as ServerConnection from "./ServerConnection.ts"
import { ServerLimits } from "./ServerLimits.ts"
import { ServerObserver } from "../ServerObserver.ts"

/** What serves a connection until its client is to be dismissed. */
export type Serve = (connection: Connection) => Effect.Effect<void>

/** @param isOwned whether a name belongs to somebody of `nomitm/1` */
export const make = Effect.fnUntraced(function* (dialect: Dialect, isOwned: (name: string) => Effect.Effect<boolean>) {
  const registry = yield* Registry
  const negotiator = yield* Negotiator
  const limits = yield* ServerLimits
  const report = yield* ServerObserver
  const runCall = yield* FiberSet.makeRuntime<never, void, never>()

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

  const serve: Serve = (connection) =>
    Effect.suspend(() => {
      let name: string | undefined
      return ServerConnection.serve({
        connection,
        dialect,
        limits,
        registry,
        isOwned,
        onCall,
        onRegistered: (member) => {
          name = member.name
          report({ event: "registered", name, address: Endpoint.format(connection.remote) })
        },
      }).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            if (name !== undefined) report({ event: "left", name })
          }),
        ),
      )
    })
  return serve
})
