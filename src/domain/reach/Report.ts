/**
 * What a person, or a script, is told of the ways to the other side (`/net`).
 */
import type { StuckReason } from "../net/StuckReason.ts"
import type { Unreached } from "../net/Unreached.ts"
import type { Candidate } from "./Candidate.ts"
import * as NatMapping from "./NatMapping.ts"
import * as Path from "./Path.ts"
import { activeKind, counts, facts, type State } from "./ReachState.ts"
import * as Stuck from "./Stuck.ts"

/** What is known of the ways to the other side. */
export interface Report {
  readonly own: { readonly mapping: NatMapping.NatMapping; readonly candidates: ReadonlyArray<Candidate> }
  readonly other: { readonly mapping: NatMapping.NatMapping; readonly candidates: ReadonlyArray<Candidate> }
  /** Searches so far, pairs tried and records sent in them. */
  readonly searches: number
  readonly pairs: number
  readonly packets: number
  readonly isSearching: boolean
  /** Those that were proven, best first, and then those that have died. */
  readonly paths: ReadonlyArray<{
    readonly path: Path.Path
    readonly kind: Path.PathKind
    readonly rttMillis: number | undefined
    readonly isAlive: boolean
  }>
  readonly active: Path.Path | undefined
  readonly kind: Path.PathKind | "none"
  readonly why: Why
}

/** Why the path in use is used. */
export type Why =
  | "same_network"
  /** Of the direct ones it was proven first. */
  | "first_proven"
  | "port_mapped"
  /** The relay serves while it is searched. */
  | "searching"
  /** It was asked for. */
  | "relay_only"
  | StuckReason

export const report = (state: State): Report => {
  const { book, search, situation, told } = state
  const proven = book.proven.toSorted((a, b) => Path.rank(a.kind) - Path.rank(b.kind))
  return {
    own: { mapping: search?.gathering.mapping ?? NatMapping.unknown, candidates: search?.told?.candidates ?? [] },
    other: { mapping: told?.mapping ?? NatMapping.unknown, candidates: situation?.remote?.candidates ?? [] },
    searches: state.generation,
    ...counts(state),
    isSearching: search !== undefined && !search.isOver,
    paths: [
      ...proven.map(({ path, kind, rttMillis }) => ({ path, kind, rttMillis, isAlive: true })),
      ...book.former.map(({ path, kind }) => ({ path, kind, rttMillis: undefined, isAlive: false })),
    ],
    active: book.active,
    kind: activeKind(state),
    why: whyOf(state),
  }
}

const whyOf = (state: State): Why => {
  switch (activeKind(state)) {
    case "lan":
      return "same_network"
    case "direct":
      return "first_proven"
    case "mapped":
      return "port_mapped"
    case "relay":
    case "none":
      if (state.config.relay === "always") return "relay_only"
      return state.search !== undefined && !state.search.isOver
        ? "searching"
        : (Stuck.because(facts(state)) ?? "No_answer")
  }
}

/** Why nothing came of it, where it was given up before there was a path. */
export const unreached = (state: State): Unreached => {
  const { relay, ...others } = facts(state)
  // The relay counts as a path before it is proven; and it was there until the other side gave up.
  const known = { ...others, isReached: false, relay: relay === "Call_ended" ? undefined : relay }
  return {
    because: Stuck.because(known) ?? "Peer_silent",
    direct: Stuck.direct(known),
    relay: state.config.relay,
    relayLost: state.relayLost,
  }
}
