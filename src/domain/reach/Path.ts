/**
 * A way for records to the other side: through the server's link, or from one of our sockets to one of its endpoints.
 */
import * as Endpoint from "../Endpoint.ts"
import type * as Shown from "../net/PathKind.ts"

export interface Direct {
  readonly _tag: "Direct"
  /** Which of our sockets: 0 is the chat's own, others are opened for a search. */
  readonly socket: number
  readonly remote: Endpoint.Endpoint
}

export type Path = { readonly _tag: "Relay" } | Direct

/**
 * What a path is like, the best first: within one network, straight to the other side, through a port that its router
 * maps for it, through the server.
 */
export type PathKind = Exclude<Shown.PathKind, "none">

export const relay: Path = { _tag: "Relay" }

export const direct = (socket: number, { address, port }: Endpoint.Endpoint): Direct => ({
  _tag: "Direct",
  socket,
  remote: { address, port },
})

/** Two paths are the same exactly when their keys are. */
export const key = (path: Path): string =>
  path._tag === "Relay" ? "relay" : `${path.socket} ${Endpoint.format(path.remote)}`

export const equals = (a: Path, b: Path): boolean =>
  a._tag === "Relay" || b._tag === "Relay"
    ? a._tag === b._tag
    : a.socket === b.socket && Endpoint.equals(a.remote, b.remote)

const ranks: Readonly<Record<PathKind, number>> = { lan: 0, direct: 1, mapped: 2, relay: 3 }

/** The less, the better. */
export const rank = (kind: PathKind): number => ranks[kind]
