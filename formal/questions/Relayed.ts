/** What is asked of the handshake through the server: Alice calls, and Bob is called. */
import type { Fact, Problem, Term } from "../Clause.ts"
import { equations, nothing } from "../Cryptography.ts"
import * as Handshake from "../Handshake.ts"
import { type Given, given } from "../Question.ts"

interface Relayed extends Given {
  readonly without?: ReadonlyArray<Handshake.Part>
  /** A message that its honest sender doesn't send in the call asked about, and how that call is told from others. */
  readonly withheld?: readonly [message: "m1" | "m2" | "m3" | "m4", agreement: Handshake.Agreement]
}

/** Of the handshake through the server. */
export const relayed =
  (goal: ReadonlyArray<Fact>, { without = [], withheld, ...rest }: Relayed = {}) =>
  (): Problem => ({
    rules: [
      ...given(rest),
      ...(["m1", "m2", "m3", "m4"] as const).flatMap((message) =>
        withheld?.[0] === message ? Handshake.withheld(...withheld) : Handshake.always[message],
      ),
      ...Handshake.handshake(new Set(without)),
    ],
    equations,
    goal,
  })

// Goals. Variables stand for whatever else a side has seen.

/** What Alice says to whom she takes for Bob, whose id she has. */
export const wordsToBob = Handshake.words("alice", "bob", "Invitation")
/** What Bob says to whom he takes for Alice, whose id he has. */
export const answerToAlice = Handshake.answer("bob", "alice", "Invitation")
/** What Alice says to whoever the server says is Bob. */
export const wordsToAnyone = Handshake.words("alice", "Anyone", nothing)
export const answerToAnyone = Handshake.answer("bob", "Anyone", nothing)
/** What Alice says to whoever answers the call that she makes with Bob's link; and Bob to whoever comes with it. */
export const wordsByLink = Handshake.words("alice", "Anyone", "link")
export const answerByLink = Handshake.answer("bob", "Anyone", "link")

interface Seen {
  readonly callId?: Term
  readonly rest1?: Term
  readonly rest2?: Term
}
export const bobAnswersAlice = ({ callId = "CallId", rest1 = "Rest1" }: Seen = {}): Fact =>
  Handshake.answered("bob", "alice", "Invitation", callId, "CallerKey", "E1", "KemKey", rest1)
export const bobRingsForAlice = ({ callId = "CallId", rest1 = "Rest1", rest2 = "Rest2" }: Seen = {}): Fact =>
  Handshake.rings("bob", "alice", "Invitation", callId, "CallerKey", "E1", "KemKey", rest1, rest2)
export const aliceKnowsBob = ({ callId = "CallId", rest1 = "Rest1", rest2 = "Rest2" }: Seen = {}): Fact =>
  Handshake.knowsCallee("alice", "bob", "Invitation", callId, rest1, "CalleeKey", "E2", "Chance", rest2)
export const aliceInChatWithBob = ({ callId = "CallId", rest1 = "Rest1", rest2 = "Rest2" }: Seen = {}): Fact =>
  Handshake.inChat("alice", "bob", "Invitation", callId, rest1, "CalleeKey", "E2", "Chance", rest2)
export const inChatWith = (invitation: Term): Fact =>
  Handshake.inChat("alice", "bob", invitation, "CallId", "Rest1", "CalleeKey", "E2", "Chance", "Rest2")
