/**
 * One person's peer with keys: stays registered at a server over TLS, under a name that belongs to a key, or talks to
 * one address directly.
 *
 * `SealedWay` and `SealedDirectWay` are how it reaches others, `PeerLife` what it does; `Peer` is the one of the seed's
 * plaintext.
 */
import * as Effect from "effect/Effect"
import * as PeerLife from "./PeerLife.ts"
import * as SealedDirectWay from "./SealedDirectWay.ts"
import * as SealedWay from "./SealedWay.ts"

/** Runs until the user quits, or until there is nothing left to do. */
export const throughServer = Effect.fn("SealedPeer.throughServer")((options: SealedWay.Options) =>
  PeerLife.live(options.name, (report) => SealedWay.throughServer(options, report)),
)

/** One chat with whoever is at an address typed by hand; the exit code is the chat's. */
export const direct = Effect.fn("SealedPeer.direct")((options: SealedDirectWay.Options) =>
  PeerLife.live(options.name, (report) => SealedDirectWay.make(options, report)),
)
