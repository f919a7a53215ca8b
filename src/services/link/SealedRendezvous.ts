/**
 * A peer's side of the rendezvous in `nomitm/1`: a link over TLS to a server that is trusted, a name with a proven key,
 * calls whose other end is proven before anything is agreed on (PROTOCOL.md, sections 14 and 15).
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { HostPort } from "../../domain/Endpoint.ts"
import { Cryptography } from "../Cryptography.ts"
import { PeerTransport } from "../PeerTransport.ts"
import * as PortKeeper from "./PortKeeper.ts"
import type { LinkLost, Refused } from "./RendezvousClient.ts"
import { ConnectError, RendezvousTransport, type Secured } from "../RendezvousTransport.ts"
import type * as SealedLink from "./SealedLink.ts"
import * as SealedLinkDriver from "./SealedLinkDriver.ts"

export interface Options<E> extends SealedLink.Options {
  readonly server: HostPort
  /** The local address for TCP and UDP; any without it. */
  readonly localAddress?: string | undefined
  /** Called once the TLS session is there, before anything is sent; what it fails with ends the attempt. */
  readonly trust: (secured: Secured) => Effect.Effect<void, E>
}

export class SealedRendezvous extends Context.Service<
  SealedRendezvous,
  {
    /** Connects, and registers the name. The link ends with the scope; ports that were handed over stay. */
    readonly connect: <E>(
      options: Options<E>,
    ) => Effect.Effect<SealedLink.SealedLink, ConnectError | LinkLost | Refused | E, Scope.Scope>
  }
>()("nomitm/services/link/SealedRendezvous") {
  static readonly layer: Layer.Layer<SealedRendezvous, never, RendezvousTransport | PeerTransport | Cryptography> =
    Layer.effect(
      SealedRendezvous,
      Effect.gen(function* () {
        const rendezvous = yield* RendezvousTransport
        const peers = yield* PeerTransport
        const cryptography = yield* Cryptography
        return SealedRendezvous.of({
          connect: Effect.fn("SealedRendezvous.connect")(function* (options) {
            const { server, localAddress, trust } = options
            const connection = yield* rendezvous.connect({ ...server, security: "Tls", localAddress })
            const { secured } = connection
            if (secured === undefined) return yield* new ConnectError({ reason: "NotTls", ...server })
            yield* Effect.tapError(trust(secured), () => Effect.sync(connection.abort))
            const makePorts = PortKeeper.make(peers, localAddress)
            return yield* SealedLinkDriver.make(connection, secured, makePorts, cryptography, options)
          }),
        })
      }),
    )
}
