/**
 * Serves clients over TLS: the part of `RendezvousServer` that speaks `nomitm/1`.
 */
import * as Effect from "effect/Effect"
import * as Endpoint from "../../domain/Endpoint.ts"
import * as Fingerprint from "../../domain/identity/Fingerprint.ts"
import * as AddressRate from "./AddressRate.ts"
import { CallDesk } from "./CallDesk.ts"
import { Cryptography } from "../Cryptography.ts"
import { monotonicReader } from "../monotonic.ts"
import { NameStore } from "../NameStore.ts"
import { ReflexiveLookups } from "./ReflexiveLookups.ts"
import type { Connection, Secured } from "../RendezvousTransport.ts"
import * as SecureConnection from "./SecureConnection.ts"
import { SecureRegistry } from "./SecureRegistry.ts"
import { ServerLimits } from "./ServerLimits.ts"
import { ServerObserver } from "../ServerObserver.ts"

/** What serves a connection until its client is to be dismissed. */
export type Serve = (connection: Connection, secured: Secured) => Effect.Effect<void>

export const make = Effect.gen(function* () {
  const registry = yield* SecureRegistry
  const desk = yield* CallDesk
  const names = yield* NameStore
  const cryptography = yield* Cryptography
  const lookups = yield* ReflexiveLookups
  const limits = yield* ServerLimits
  const report = yield* ServerObserver
  const now = yield* monotonicReader
  const mayTakeName = AddressRate.make(limits.newNames)
  let last = 0

  const serve: Serve = (connection, secured) => {
    const customer = Endpoint.customer(connection.remote.address)
    return SecureConnection.serve({
      connection,
      secured,
      number: ++last,
      limits,
      registry,
      desk,
      names,
      cryptography,
      lookups,
      mayTakeName: () => mayTakeName(customer, now()),
      onRegistered: ({ name, id }) =>
        report({
          event: "registered",
          name,
          address: Endpoint.format(connection.remote),
          fingerprint: Fingerprint.of(cryptography.primitives, id),
        }),
      onLeft: ({ name }) => report({ event: "left", name }),
    })
  }
  return serve
})
