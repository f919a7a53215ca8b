/**
 * The keys of servers that a person has met, by host and port: what makes a changed key noticed.
 *
 * Provided by `adapters/node/NodeKnownServers`, from a file in the profile, and in memory.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import type { HostPort } from "../domain/Endpoint.ts"
import * as KnownServerList from "../domain/KnownServerList.ts"

/** The memory can't be read or written. Whoever can't look a key up must not take it for unknown. */
export class KnownServersError extends Schema.TaggedError<KnownServersError>("nomitm/KnownServersError")(
  "KnownServersError",
  {
    message: Schema.String,
    /** What to do about it. */
    hint: Schema.String,
  },
) {}

export class KnownServers extends Context.Service<
  KnownServers,
  {
    /** The key remembered for a server, 32 bytes, or none. */
    readonly find: (server: HostPort) => Effect.Effect<Uint8Array | undefined, KnownServersError>
    /** Remembers a key in place of the one before. */
    readonly remember: (server: HostPort, serverKey: Uint8Array) => Effect.Effect<void, KnownServersError>
    /** Forgets a server, so that it is asked about again. */
    readonly forget: (server: HostPort) => Effect.Effect<void, KnownServersError>
  }
>()("nomitm/services/KnownServers") {
  /** Remembers until the end of the program. */
  static readonly layerMemory: Layer.Layer<KnownServers> = Layer.effect(
    KnownServers,
    Effect.map(Ref.make(""), (list) =>
      KnownServers.of({
        find: (server) => Effect.map(Ref.get(list), (text) => KnownServerList.find(text, server)),
        remember: (server, serverKey) => Ref.update(list, (text) => KnownServerList.withKey(text, server, serverKey)),
        forget: (server) => Ref.update(list, (text) => KnownServerList.without(text, server)),
      }),
    ),
  )
}
