/**
 * How a peer reaches others: in plaintext or with keys, through a server or directly. `PeerLife` lives on one of them.
 *
 * `PlainWay` speaks the seed, `SealedWay` `nomitm/1`.
 */
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Endpoint } from "../domain/Endpoint.ts"
import type { PeerEvent } from "../domain/PeerEvent.ts"
import type { Problem } from "../domain/Problem.ts"
import type { Trust } from "../domain/profile/Trust.ts"
import type { Chat } from "./ChatSession.ts"
import type { PeerChats } from "./PeerChats.ts"
import type { PeerReport } from "./PeerReport.ts"

/** Somebody who has proven a key. */
export interface Person {
  readonly fingerprint: string
  /** As it is now: it can change while the chat runs. */
  readonly trust: () => Trust
  /** Goes on beside the open chat, until that ends: keeps what is learned of the person, shows what is to be compared. */
  readonly beside: (peer: string) => Effect.Effect<void>
  /** Begins to compare a short string, or says what came of it. */
  readonly verify: (outcome: Option.Option<"yes" | "no">) => Effect.Effect<void, Problem>
  readonly safetyNumber: Effect.Effect<string>
}

/** A chat that both sides have agreed on. */
export interface Meeting {
  /** The other's name, where it is known. */
  readonly peer: Option.Option<string>
  /** Where the other side is. */
  readonly remote: Endpoint
  /** Nobody, in plaintext: there nothing is proven. */
  readonly person: Person | undefined
  /** Opens the path, on the port that was agreed on. */
  readonly open: Effect.Effect<Chat, never, Scope.Scope>
}

/** A call that can be begun: whom it is to, and what comes of it. */
export interface Call {
  readonly peer: string
  readonly trust: Trust | undefined
  readonly answer: Effect.Effect<Meeting, Problem, Scope.Scope>
}

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
  /** The peer is online until this is interrupted. */
  readonly beOnline: (online: Online) => Effect.Effect<never>
}

export interface PeerWay {
  /** Lives on it until there is nothing left to do; the exit code. */
  readonly live: (life: Life) => Effect.Effect<number, Problem>
  /** What to say while there is no server to be online at. */
  readonly offline: Problem
  readonly keyed: Keyed | undefined
}
