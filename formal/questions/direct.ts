/** Questions to the handshake without a server: Alice is the initiator, Bob the responder. */
import type { Fact, Problem, Term } from "../Clause.ts"
import { equations, later, nothing, now } from "../Cryptography.ts"
import * as Direct from "../Direct.ts"
import { answer, thisOne, words } from "../Handshake.ts"
import { everyDh, everyKemSecret, type Given, given, type Question, question } from "../Question.ts"

interface Unrelayed extends Given {
  readonly without?: ReadonlyArray<Direct.Part>
  readonly withheld?: readonly [message: "xx2" | "xx3", agreement: Direct.Agreement]
}

export const direct =
  (goal: ReadonlyArray<Fact>, { without = [], withheld, ...rest }: Unrelayed = {}) =>
  (): Problem => ({
    rules: [
      ...given(rest),
      ...(["xx2", "xx3"] as const).flatMap((message) =>
        withheld?.[0] === message ? Direct.withheld(...withheld) : Direct.always[message],
      ),
      ...Direct.direct(new Set(without)),
    ],
    equations,
    goal,
  })

// Goals. Variables stand for whatever else a side has seen.

const wordsToBob = words("alice", "bob", nothing)
const wordsToAnyone = words("alice", "Anyone", nothing)
const answerToAlice = answer("bob", "alice", nothing)

export const aliceMetBob = (nonce: Term = "InitiatorNonce"): Fact =>
  Direct.metResponder("alice", nonce, "ResponderNonce", "bob", "ResponderKey", "E2", "Chance")
export const bobMetAlice = (nonce: Term = "InitiatorNonce"): Fact =>
  Direct.metInitiator("bob", nonce, "ResponderNonce", "E1", "KemKey", "alice", "InitiatorKey")

export const withoutServer: ReadonlyArray<Question> = [
  question(
    "direct-secrecy-words",
    "HOLDS",
    "nobody else learns what Alice says to Bob, whose id she typed with the address",
    direct([now(wordsToBob)]),
  ),
  question(
    "direct-secrecy-answer",
    "HOLDS",
    "nobody else learns what Bob says to Alice, a contact of his",
    direct([now(answerToAlice)]),
  ),
  question(
    "direct-secrecy-words-unpinned",
    "ATTACK",
    "Alice typed no id: whoever sits at the address, or on the way, is taken",
    direct([now(wordsToAnyone)]),
  ),
  question(
    "direct-responder",
    "HOLDS",
    "if XX2 makes Alice know Bob, Bob has sent an XX2",
    direct([aliceMetBob()], { withheld: ["xx2", "people"] }),
  ),
  question(
    "direct-responder-nonces",
    "HOLDS",
    "and with the nonces that Alice has",
    direct([aliceMetBob(thisOne)], { withheld: ["xx2", "nonces"] }),
  ),
  question(
    "direct-responder-no-es",
    "ATTACK",
    "mutant without `es`",
    direct([aliceMetBob()], { withheld: ["xx2", "people"], without: ["es"] }),
  ),
  question(
    "direct-initiator",
    "HOLDS",
    "if XX3 makes Bob know Alice, Alice has sent XX3, to Bob",
    direct([bobMetAlice()], { withheld: ["xx3", "people"] }),
  ),
  question(
    "direct-initiator-nonces",
    "HOLDS",
    "and with the nonces that Bob has",
    direct([bobMetAlice(thisOne)], { withheld: ["xx3", "nonces"] }),
  ),
  question(
    "direct-initiator-no-se",
    "ATTACK",
    "mutant without `se`",
    direct([bobMetAlice()], { withheld: ["xx3", "people"], without: ["se"] }),
  ),
  question(
    "direct-kci-responder",
    "HOLDS",
    "Alice's seed is stolen: nobody but Bob is Bob to her",
    direct([aliceMetBob()], { withheld: ["xx2", "people"], leaked: ["alice"] }),
  ),
  question(
    "direct-kci-initiator",
    "HOLDS",
    "Bob's seed is stolen: nobody but Alice is Alice to him",
    direct([bobMetAlice()], { withheld: ["xx3", "people"], leaked: ["bob"] }),
  ),
  question(
    "direct-forward-answer",
    "HOLDS",
    "both seeds are stolen later, and ML-KEM is broken: what was said stays secret",
    direct([later(answerToAlice)], { leaked: [everyKemSecret], leakedLater: ["alice", "bob"] }),
  ),
  question(
    "direct-forward-answer-no-ee",
    "ATTACK",
    "mutant without `ee`",
    direct([later(answerToAlice)], {
      leaked: [everyKemSecret],
      leakedLater: ["alice", "bob"],
      without: ["ee"],
    }),
  ),
  question(
    "direct-harvest-answer",
    "HOLDS",
    "recorded now, and X25519 broken later: what was said stays secret",
    direct([later(answerToAlice)], { leakedLater: [everyDh, "alice", "bob"] }),
  ),
  question(
    "direct-harvest-answer-no-kem",
    "ATTACK",
    "mutant without ML-KEM",
    direct([later(answerToAlice)], { leakedLater: [everyDh], without: ["ML-KEM"] }),
  ),
]
