/**
 * What the machine `Reach` keeps.
 */
import type { CandidateMessage } from "./CandidateMessage.ts"
import * as Checks from "./Checks.ts"
import * as NatMapping from "./NatMapping.ts"
import type * as Path from "./Path.ts"
import * as PathBook from "./PathBook.ts"
import type { Config } from "./ReachEvent.ts"
import type * as Search from "./Search.ts"
import type { Situation } from "./Situation.ts"
import type * as Stuck from "./Stuck.ts"
import type { StuckReason } from "../net/StuckReason.ts"
import type { RelayLost } from "../net/Unreached.ts"

/** All times are milliseconds of the monotonic clock. */
export interface State {
  readonly config: Config
  readonly book: PathBook.Book
  /** The two sides, once there is a socket. */
  readonly situation: Situation | undefined
  /** What the other side has told, before or after that. */
  readonly told: CandidateMessage | undefined
  readonly isPortless: boolean
  readonly relayLost: RelayLost | undefined
  readonly search: Search.Search | undefined
  readonly generation: number
  /** When the next search begins. */
  readonly searchAt: number
  /** How many searches, one after the other, have found nothing. */
  readonly failures: number
  readonly sprayableAt: number
  readonly nextSocket: number
  /** When it is said that there is no direct path yet. */
  readonly stuckAt: number
  /** What was said about that, and still holds. */
  readonly stuck: StuckReason | undefined
  /** Whether any record came by a direct path since there is a socket, or by any. */
  readonly isHeard: boolean
  /** In all searches before this one. */
  readonly before: { readonly pairs: number; readonly packets: number }
}

export const initial = (config: Config): State => ({
  config,
  book: PathBook.initial,
  situation: undefined,
  told: undefined,
  isPortless: false,
  relayLost: undefined,
  search: undefined,
  generation: 0,
  searchAt: Infinity,
  failures: 0,
  sprayableAt: -Infinity,
  nextSocket: 1,
  stuckAt: Infinity,
  stuck: undefined,
  isHeard: false,
  before: { pairs: 0, packets: 0 },
})

/** What the path in use is like. */
export const activeKind = ({ book }: State): Path.PathKind | "none" => PathBook.active(book)?.kind ?? "none"

/** Pairs tried and records sent in all searches. */
export const counts = ({ before, search }: State): State["before"] =>
  search === undefined
    ? before
    : { pairs: before.pairs + Checks.tried(search.checks), packets: before.packets + search.packets }

/** What is said of it, and of no path at all, depends on this. */
export const facts = ({ config, book, search, situation, isPortless, relayLost, isHeard }: State): Stuck.Facts => ({
  isRelayOnly: config.relay === "always",
  isReached: book.active !== undefined,
  isPortless,
  isTold: situation?.remote !== undefined,
  isHeard,
  own: search?.gathering.mapping ?? NatMapping.unknown,
  other: situation?.remote?.mapping ?? NatMapping.unknown,
  relay: config.relay === "never" ? "never" : relayLost,
})
