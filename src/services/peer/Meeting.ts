/**
 * A chat that two people have agreed on, from the call on: whoever opens it need not know how they were brought together.
 */
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Endpoint } from "../../domain/Endpoint.ts"
import type { Problem } from "../../domain/Problem.ts"
import type { Trust } from "../../domain/profile/Trust.ts"
import type { Chat } from "../chat/ChatSession.ts"

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
  /** Where the other side is, where there is one path; none if that is still to be found. */
  readonly remote: Endpoint | undefined
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
