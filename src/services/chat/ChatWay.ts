/**
 * How the two sides of a chat were brought together.
 */
import type * as Effect from "effect/Effect"
import type * as Endpoint from "../../domain/Endpoint.ts"
import * as AddressScope from "../../domain/reach/AddressScope.ts"
import type * as Reach from "../../domain/reach/Reach.ts"
import type { PeerSocket } from "../PeerTransport.ts"
import type { LinkLost, Refused } from "../link/RendezvousClient.ts"
import type { CallWire, Reflex, SealedAgreement, SealedLink } from "../link/SealedLink.ts"

/** Whether the relay at the server may carry a chat. */
export type RelayPolicy = Reach.Config["relay"]

/** How the two sides were brought together. */
export type Way =
  | {
      readonly _tag: "Server"
      readonly wire: CallWire
      /** What the server knows of where we are. */
      readonly reflex: Effect.Effect<Reflex, LinkLost | Refused>
      /** Asks whether the server is still there (`SealedLink`). */
      readonly doubt: SealedLink["doubt"]
      readonly relay: RelayPolicy
      /** The server is on this machine: then the other side may be, too. */
      readonly isLocalServer: boolean
      /** The local address for UDP; any without it. */
      readonly localAddress?: string | undefined
    }
  | {
      /** An address that was typed by hand, or, where the chat goes on, from which the other side has answered. */
      readonly _tag: "Address"
      readonly socket: PeerSocket
      readonly remote: Endpoint.Endpoint
    }

/** The way of a call that was agreed on over a link. */
export const throughServer = (
  { reflex, server, doubt }: SealedLink,
  { wire }: SealedAgreement,
  { relay = "auto", localAddress }: { readonly relay?: RelayPolicy; readonly localAddress?: string | undefined } = {},
): Way => ({
  _tag: "Server",
  wire,
  reflex,
  doubt,
  relay,
  isLocalServer: AddressScope.of(server.address) === "loopback",
  localAddress,
})
