/**
 * What happens to the machine `Reach`, and what it wants done.
 */
import type * as Endpoint from "../Endpoint.ts"
import type * as Frame from "../record/Frame.ts"
import type { StuckReason } from "../net/StuckReason.ts"
import type { RelayLost } from "../net/Unreached.ts"
import type { CandidateMessage } from "./CandidateMessage.ts"
import type * as Path from "./Path.ts"
import type * as Search from "./Search.ts"

export interface Config {
  readonly isInitiator: boolean
  /** Whether records may go through the server: until there is something better, never, or only so. */
  readonly relay: "auto" | "never" | "always"
  /** Whether our link to the server is on loopback. */
  readonly isLocalServer: boolean
}

/** The frames of a record that are about paths. */
export type PathFrame = Extract<Frame.Frame, { readonly _tag: "PathChallenge" | "PathResponse" }>

export type Event =
  /** Another call, with keys of its own, carries the chat on. What is direct needs no server; the relay is up anew. */
  | { readonly _tag: "Resumed"; readonly config: Config }
  /** The server's link carries records. */
  | { readonly _tag: "RelayUp" }
  | { readonly _tag: "RelayDown"; readonly because?: RelayLost }
  /** There is a socket, and it is known where the server sees both sides: see `Situation`. */
  | {
      readonly _tag: "Started"
      readonly observed: Endpoint.Endpoint
      readonly seen: string | undefined
      readonly addresses: ReadonlyArray<string>
      readonly port: number
      readonly targets: number
    }
  /** There will be no socket. */
  | { readonly _tag: "NoPort" }
  | { readonly _tag: "LookedUp"; readonly target: number; readonly mapped: Endpoint.Endpoint }
  | { readonly _tag: "PortMapped"; readonly endpoint: Endpoint.Endpoint }
  | { readonly _tag: "Told"; readonly message: CandidateMessage }
  /** A record of the other side came by this path; `isNewest`: none with a higher counter came before. */
  | {
      readonly _tag: "Heard"
      readonly path: Path.Path
      readonly frames: ReadonlyArray<PathFrame>
      readonly isNewest: boolean
    }
  /** A record that was sent on this path was acknowledged. */
  | { readonly _tag: "Acknowledged"; readonly path: Path.Path }
  /** Whether something waits to be acknowledged has changed. */
  | { readonly _tag: "Waiting"; readonly unacknowledged: boolean }
  /** This machine's addresses, all of them; nothing happens if they are those of before. */
  | { readonly _tag: "AddressesChanged"; readonly addresses: ReadonlyArray<string> }
  /** It is `dueAt`. */
  | { readonly _tag: "Due" }

export type Action =
  | Search.Action
  | { readonly _tag: "CloseSockets"; readonly keep: ReadonlyArray<number> }
  | { readonly _tag: "Stuck"; readonly because: StuckReason }
