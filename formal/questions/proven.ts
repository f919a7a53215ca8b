/** Questions to the handshake through the server: secrecy, and who is proven to whom. */
import { now, staticSecret } from "../Cryptography.ts"
import { thisOne } from "../Handshake.ts"
import { type Question, question } from "../Question.ts"
import {
  aliceInChatWithBob,
  aliceKnowsBob,
  answerToAlice,
  answerToAnyone,
  bobAnswersAlice,
  bobRingsForAlice,
  relayed,
  wordsToAnyone,
  wordsToBob,
} from "./Relayed.ts"

export const secrecy: ReadonlyArray<Question> = [
  question(
    "secrecy-words",
    "HOLDS",
    "nobody else learns what Alice says to Bob, whose id she has pinned",
    relayed([now(wordsToBob)]),
  ),
  question(
    "secrecy-answer",
    "HOLDS",
    "nobody else learns what Bob says to Alice, whose id he has pinned",
    relayed([now(answerToAlice)]),
  ),
  question(
    "secrecy-words-unpinned",
    "ATTACK",
    "the same, but Bob's id is what the server says it is: the server says its own",
    relayed([now(wordsToAnyone)]),
  ),
  question("secrecy-answer-unpinned", "ATTACK", "the same of who calls Bob", relayed([now(answerToAnyone)])),
  question(
    "secrecy-words-unsigned",
    "ATTACK",
    "mutant: certificates are not checked, so the server puts another static key under Bob's pinned id",
    relayed([now(wordsToBob)], { without: ["certificates' signatures"] }),
  ),
  question(
    "secrecy-words-bob-static",
    "ATTACK",
    "Bob's static secret is stolen: the thief is Bob as long as the certificate lasts",
    relayed([now(wordsToBob)], { leaked: [staticSecret("bob")] }),
  ),
  question(
    "secrecy-words-bob-seed",
    "ATTACK",
    "Bob's seed is stolen: the thief is Bob, with any static key",
    relayed([now(wordsToBob)], { leaked: ["bob"] }),
  ),
]

export const calleeProven: ReadonlyArray<Question> = [
  question(
    "callee",
    "HOLDS",
    "if M2 makes Alice know Bob, Bob has sent M2, to Alice",
    relayed([aliceKnowsBob()], { withheld: ["m2", "people"] }),
  ),
  question(
    "callee-call",
    "HOLDS",
    "and with the callId that Alice has",
    relayed([aliceKnowsBob({ callId: thisOne })], { withheld: ["m2", "callId"] }),
  ),
  question(
    "callee-m1",
    "HOLDS",
    "and having had the M1 that Alice sent, to the last byte",
    relayed([aliceKnowsBob({ rest1: thisOne })], { withheld: ["m2", "M1"] }),
  ),
  question(
    "callee-m2",
    "HOLDS",
    "and it is the M2 that Alice had, to the last byte",
    relayed([aliceKnowsBob({ rest2: thisOne })], { withheld: ["m2", "M2"] }),
  ),
  question(
    "callee-call-no-h",
    "ATTACK",
    "mutant: h is in nothing, so Bob may have answered in another call",
    relayed([aliceKnowsBob({ callId: thisOne })], { withheld: ["m2", "callId"], without: ["h"] }),
  ),
  question(
    "accept",
    "HOLDS",
    "if M4 lets Alice begin the chat, Bob has accepted, a call of Alice's",
    relayed([aliceInChatWithBob()], { withheld: ["m4", "people"] }),
  ),
  question(
    "accept-call",
    "HOLDS",
    "and it was this call",
    relayed([aliceInChatWithBob({ callId: thisOne })], { withheld: ["m4", "callId"] }),
  ),
  question(
    "accept-m2",
    "HOLDS",
    "with this M2: the handshake hash is the same",
    relayed([aliceInChatWithBob({ rest2: thisOne })], { withheld: ["m4", "M2"] }),
  ),
]

export const callerProven: ReadonlyArray<Question> = [
  question(
    "caller",
    "HOLDS",
    "if Bob rings for Alice, Alice is there and has confirmed, to Bob",
    relayed([bobRingsForAlice()], { withheld: ["m3", "people"] }),
  ),
  question(
    "caller-call",
    "HOLDS",
    "and with the callId that Bob has",
    relayed([bobRingsForAlice({ callId: thisOne })], { withheld: ["m3", "callId"] }),
  ),
  question(
    "caller-m1",
    "HOLDS",
    "and having sent the M1 that Bob had, to the last byte",
    relayed([bobRingsForAlice({ rest1: thisOne })], { withheld: ["m3", "M1"] }),
  ),
  question(
    "caller-m2",
    "HOLDS",
    "and having had the M2 that Bob sent, to the last byte: the handshake hash is the same",
    relayed([bobRingsForAlice({ rest2: thisOne })], { withheld: ["m3", "M2"] }),
  ),
  question(
    "caller-no-m3",
    "ATTACK",
    "mutant: Bob rings on M1, which anybody may have recorded",
    relayed([bobRingsForAlice()], { withheld: ["m3", "people"], without: ["M3"] }),
  ),
  question(
    "caller-m1-people",
    "HOLDS",
    "if Bob even answers M1 as Alice's, Alice has once called Bob",
    relayed([bobAnswersAlice()], { withheld: ["m1", "people"] }),
  ),
  question(
    "caller-m1-people-no-ss",
    "ATTACK",
    "mutant without `ss`: M1 proves nothing",
    relayed([bobAnswersAlice()], { withheld: ["m1", "people"], without: ["ss"] }),
  ),
]

export const identities: ReadonlyArray<Question> = [
  question(
    "misbinding-caller-no-prologue",
    "HOLDS",
    "`caller`, without the ids in the prologue: the certificates inside M1 and M2 still bind them",
    relayed([bobRingsForAlice()], { withheld: ["m3", "people"], without: ["ids in the prologue"] }),
  ),
  question(
    "misbinding-caller-no-certificates",
    "HOLDS",
    "`caller`, without the certificates inside M1 and M2: the prologue still binds them",
    relayed([bobRingsForAlice()], { withheld: ["m3", "people"], without: ["certificates in the payloads"] }),
  ),
  question(
    "misbinding-caller-no-ids",
    "ATTACK",
    "mutant without both: Alice calls who has Bob's static key under an id of its own, and Bob rings",
    relayed([bobRingsForAlice()], {
      withheld: ["m3", "people"],
      without: ["ids in the prologue", "certificates in the payloads"],
    }),
  ),
  question(
    "misbinding-callee-no-ids",
    "ATTACK",
    "mutant without both: Bob answers who has Alice's static key under an id of its own, and Alice knows Bob",
    relayed([aliceKnowsBob()], {
      withheld: ["m2", "people"],
      without: ["ids in the prologue", "certificates in the payloads"],
    }),
  ),
]
