/** Questions to the handshake through the server when a key is stolen, or cryptography broken; and to invitations. */
import { later, now } from "../Cryptography.ts"
import { words } from "../Handshake.ts"
import { everyDh, everyKemSecret, type Question, question } from "../Question.ts"
import {
  aliceKnowsBob,
  answerByLink,
  answerToAlice,
  bobRingsForAlice,
  relayed,
  wordsByLink,
  wordsToBob,
} from "./Relayed.ts"

/** All that the two ever keep. */
const everySeed = ["alice", "bob", "link"]

export const stolenKeys: ReadonlyArray<Question> = [
  question(
    "kci-callee",
    "HOLDS",
    "Alice's seed is stolen: nobody but Bob is Bob to her",
    relayed([aliceKnowsBob()], { withheld: ["m2", "people"], leaked: ["alice"] }),
  ),
  question(
    "kci-callee-words",
    "HOLDS",
    "nor learns what she says to him",
    relayed([now(wordsToBob)], { leaked: ["alice"] }),
  ),
  question(
    "kci-callee-no-es",
    "ATTACK",
    "mutant without `es`: Alice's stolen key answers her as anybody",
    relayed([aliceKnowsBob()], { withheld: ["m2", "people"], leaked: ["alice"], without: ["es"] }),
  ),
  question(
    "kci-caller",
    "HOLDS",
    "Bob's seed is stolen: nobody but Alice makes him ring as Alice",
    relayed([bobRingsForAlice()], { withheld: ["m3", "people"], leaked: ["bob"] }),
  ),
  question(
    "kci-caller-answer",
    "HOLDS",
    "nor learns what he says to her",
    relayed([now(answerToAlice)], { leaked: ["bob"] }),
  ),
  question(
    "kci-caller-no-se",
    "ATTACK",
    "mutant without `se`: Bob's stolen key calls him as anybody",
    relayed([bobRingsForAlice()], { withheld: ["m3", "people"], leaked: ["bob"], without: ["se"] }),
  ),
  question(
    "kci-caller-no-m3",
    "ATTACK",
    "mutant: Bob rings on M1, which his stolen key makes as anybody's",
    relayed([bobRingsForAlice()], { withheld: ["m3", "people"], leaked: ["bob"], without: ["M3"] }),
  ),
  question(
    "stolen-alice",
    "ATTACK",
    "Alice's seed is stolen: the thief is Alice to Bob",
    relayed([bobRingsForAlice()], { withheld: ["m3", "people"], leaked: ["alice"] }),
  ),
]

export const afterwards: ReadonlyArray<Question> = [
  question(
    "forward-words",
    "HOLDS",
    "both seeds and the link are stolen later: what Alice said stays secret",
    relayed([later(wordsToBob)], { leakedLater: everySeed }),
  ),
  question("forward-answer", "HOLDS", "and what Bob said", relayed([later(answerToAlice)], { leakedLater: everySeed })),
  question(
    "forward-answer-no-ee",
    "HOLDS",
    "without `ee`: ML-KEM's key is as short-lived",
    relayed([later(answerToAlice)], { leakedLater: everySeed, without: ["ee"] }),
  ),
  question(
    "forward-answer-no-ee-no-kem",
    "ATTACK",
    "mutant without `ee` and ML-KEM",
    relayed([later(answerToAlice)], { leakedLater: everySeed, without: ["ee", "ML-KEM"] }),
  ),
  question(
    "forward-answer-kem-broken",
    "HOLDS",
    "ML-KEM is broken from the beginning: `ee` holds",
    relayed([later(answerToAlice)], { leaked: [everyKemSecret], leakedLater: everySeed }),
  ),
  question(
    "forward-answer-kem-broken-no-ee",
    "ATTACK",
    "mutant without `ee`, when ML-KEM is broken",
    relayed([later(answerToAlice)], { leaked: [everyKemSecret], leakedLater: everySeed, without: ["ee"] }),
  ),
]

export const quantum: ReadonlyArray<Question> = [
  question(
    "harvest-words",
    "HOLDS",
    "recorded now, and X25519 broken later, both seeds stolen: what Alice said stays secret",
    relayed([later(wordsToBob)], { leakedLater: [everyDh, ...everySeed] }),
  ),
  question(
    "harvest-answer",
    "HOLDS",
    "and what Bob said",
    relayed([later(answerToAlice)], { leakedLater: [everyDh, ...everySeed] }),
  ),
  question(
    "harvest-answer-no-kem",
    "ATTACK",
    "mutant without ML-KEM",
    relayed([later(answerToAlice)], { leakedLater: [everyDh], without: ["ML-KEM"] }),
  ),
  question(
    "kem-broken-words",
    "HOLDS",
    "ML-KEM is broken from the beginning: X25519 keeps what Alice says secret",
    relayed([now(wordsToBob)], { leaked: [everyKemSecret] }),
  ),
  question(
    "kem-broken-answer",
    "HOLDS",
    "and what Bob says",
    relayed([now(answerToAlice)], { leaked: [everyKemSecret] }),
  ),
  question(
    "quantum-now",
    "ATTACK",
    "X25519 is broken while they talk: ids are not proven by anything post-quantum",
    relayed([now(answerToAlice)], { leaked: [everyDh] }),
  ),
]

export const invitations: ReadonlyArray<Question> = [
  question(
    "invited-answer",
    "HOLDS",
    "who comes with Bob's link, with whatever id, is who has the link: nobody else learns what Bob says",
    relayed([now(answerByLink)]),
  ),
  question(
    "invited-words",
    "HOLDS",
    "who answers to it is Bob, even if the server lies about his id and nobody compares it with the link's",
    relayed([now(wordsByLink)]),
  ),
  question(
    "invited-answer-leaked",
    "ATTACK",
    "the link is stolen before its use: the thief comes first",
    relayed([now(answerByLink)], { leaked: ["link"] }),
  ),
  question(
    "invited-words-leaked",
    "HOLDS",
    "the link is stolen before its use, and the id in it is compared: who answers is still Bob",
    relayed([now(words("alice", "bob", "link"))], { leaked: ["link"] }),
  ),
  question(
    "invited-answer-leaked-later",
    "HOLDS",
    "the link is stolen after its use",
    relayed([later(answerByLink)], { leakedLater: ["link"] }),
  ),
  question(
    "invited-answer-no-psk",
    "ATTACK",
    "mutant without `psk`",
    relayed([now(answerByLink)], { without: ["psk"] }),
  ),
  question(
    "invited-answer-zeros",
    "ATTACK",
    "mutant: zeros stand in for the psk of an invitation that the callee doesn't find",
    relayed([now(answerByLink)], { without: ["the refusal of unknown invitations"] }),
  ),
]
