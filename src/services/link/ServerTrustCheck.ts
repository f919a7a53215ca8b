/**
 * Whether the server at the other end of a TLS session is the right one, with what is remembered of it
 * (`domain/ServerTrust`).
 */
import * as Effect from "effect/Effect"
import { exitCodes, make as problem, type Problem } from "../../domain/Problem.ts"
import type { ServerAddress } from "../../domain/ServerAddress.ts"
import * as ServerTrust from "../../domain/ServerTrust.ts"
import { KnownServers, type KnownServersError } from "../KnownServers.ts"
import type { Secured } from "../RendezvousTransport.ts"

const unreadable = ({ message, hint }: KnownServersError): Problem =>
  problem("Known_servers", message, hint, exitCodes.authentication)

/**
 * Fails with what to tell if the server is not trusted; its key is remembered where that is due.
 *
 * @param ask whether a person says yes to a key of this fingerprint; nobody is asked without it
 */
export const check = Effect.fnUntraced(function* (
  server: ServerAddress,
  { serverKey, webPki }: Secured,
  ask?: ((fingerprint: string) => Effect.Effect<boolean>) | undefined,
) {
  const known = yield* KnownServers
  const remembered = yield* Effect.mapError(known.find(server), unreadable)
  const isInteractive = ask !== undefined
  const decision = ServerTrust.decide({ serverKey, webPki, pins: server.pins, remembered, isInteractive })
  const remember = Effect.mapError(known.remember(server, serverKey), unreadable)
  switch (decision._tag) {
    case "Trusted":
      return
    case "TrustedAndRemember":
      return yield* remember
    case "AskPerson": {
      if (ask !== undefined && (yield* ask(decision.fingerprint))) return yield* remember
      const refusal = { _tag: "Refuse", code: "Server_unknown", old: [], new: decision.fingerprint } as const
      return yield* Effect.fail(ServerTrust.explain(refusal, server))
    }
    case "Refuse":
      return yield* Effect.fail(ServerTrust.explain(decision, server))
  }
})
