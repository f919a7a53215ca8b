/**
 * One person's peer in the seed's plaintext: stays registered at a server, or talks to one address directly.
 *
 * `PlainWay` is how it reaches others, `PeerLife` what it does; `SealedPeer` is the one with keys.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Dialect } from "../../domain/Dialect.ts"
import type { HostPort, Port } from "../../domain/Endpoint.ts"
import type * as Username from "../../domain/Username.ts"
import type { ChatSession } from "../chat/ChatSession.ts"
import * as PeerLife from "./PeerLife.ts"
import type { PeerTransport } from "../PeerTransport.ts"
import type { PeerWay } from "./PeerWay.ts"
import * as PlainWay from "./PlainWay.ts"
import type { RendezvousClient } from "../link/RendezvousClient.ts"
import type { Screen } from "../Screen.ts"

export interface Options {
  readonly name: Username.Username
  readonly dialect: Dialect
  readonly localAddress?: string | undefined
  /** Whose key is known: nobody of that name is talked to through a server. Nobody's, without it. */
  readonly isContact?: ((name: string) => boolean) | undefined
  /** A server to register at, or an address to talk to directly. */
  readonly via:
    | { readonly _tag: "Server"; readonly server: HostPort }
    | { readonly _tag: "Direct"; readonly remote: HostPort; readonly localPort: Port }
}

type Needs = RendezvousClient | ChatSession | PeerTransport | Screen

export class Peer extends Context.Service<
  Peer,
  {
    /** Runs until the user quits, or until there is nothing left to do. */
    readonly run: (options: Options) => Effect.Effect<void, PeerLife.PeerFailed>
  }
>()("nomitm/services/peer/Peer") {
  static readonly layer: Layer.Layer<Peer, never, Needs> = Layer.effect(
    Peer,
    Effect.gen(function* () {
      const context = yield* Effect.context<Needs>()
      return Peer.of({
        run: Effect.fn("Peer.run")((options) =>
          Effect.provideContext(
            PeerLife.live(options.name, () => way(options)),
            context,
          ),
        ),
      })
    }),
  )
}

const way = ({
  via,
  ...speaker
}: Options): Effect.Effect<PeerWay, never, RendezvousClient | ChatSession | PeerTransport> =>
  via._tag === "Server"
    ? PlainWay.throughServer({ ...speaker, server: via.server })
    : PlainWay.direct({ ...speaker, remote: via.remote, localPort: via.localPort })
