/**
 * How a peer reaches others: in plaintext or with keys, through a server or directly. `PeerLife` lives on one of them.
 *
 * `PlainWay` speaks the seed, `SealedWay` `nomitm/1`.
 */
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { PeerEvent } from "../../domain/PeerEvent.ts"
import type { Problem } from "../../domain/Problem.ts"
import type { Call, Meeting } from "./Meeting.ts"
import type { PeerChats } from "./PeerChats.ts"
import type { PeerReport } from "./PeerReport.ts"

/** What a peer can do while its server is there. */
export interface Online {
  readonly list: Effect.Effect<PeerEvent, Problem>
  /** Whom the name or id that was typed means; nothing has been said to anybody yet. */
  readonly call: (typed: string) => Effect.Effect<Call, Problem>
  /** Waits for the next chat that somebody else began; none if it is not wanted. It goes with the scope. */
  readonly incoming: Effect.Effect<Option.Option<Meeting>, unknown, Scope.Scope>
  /** Waits until the server is gone. A problem that trying again would not mend ends the peer. */
  readonly lost: Effect.Effect<Option.Option<Problem>>
}

/** What only a way with keys has. */
export interface Keyed {
  /** Takes a call: the one of this name, or the only one. */
  readonly accept: (name: Option.Option<string>) => Effect.Effect<void, Problem>
  readonly decline: (name: Option.Option<string>) => Effect.Effect<void, Problem>
  /** The call that an invitation is for. */
  readonly join: (link: string) => Effect.Effect<Call, Problem>
}

/** What a way is given of the peer that lives on it. */
export interface Life {
  readonly report: PeerReport
  readonly chats: PeerChats
  /** The peer can do what is typed from now on. */
  readonly ready: Effect.Effect<void>
  /** Starts what goes on beside it, and after it, until the peer ends. */
  readonly fork: (effect: Effect.Effect<void>) => void
  /** The peer is online until this is interrupted. */
  readonly beOnline: (online: Online) => Effect.Effect<never>
}

export interface PeerWay {
  /** Lives on it until there is nothing left to do; the exit code. */
  readonly live: (life: Life) => Effect.Effect<number, Problem>
  /** It is to an address given by hand: there is one chat, `/chat` calls nobody, and the program ends with it. */
  readonly isDirect: boolean
  /** What to say while there is no server to be online at. */
  readonly offline: Problem
  readonly keyed: Keyed | undefined
}
