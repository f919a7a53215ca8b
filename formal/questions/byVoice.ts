/** Questions to the short string. */
import { type Question, question } from "../Question.ts"
import { shortString } from "../ShortString.ts"

const middle = { left: "commits", right: "replies" } as const

export const byVoice: ReadonlyArray<Question> = [
  question(
    "sas",
    "HOLDS",
    "in the middle, called by Alice and calling Bob: both screens can't be made to show the same",
    () => shortString(middle),
  ),
  question("sas-both-called", "HOLDS", "calling both of them", () =>
    shortString({ left: "replies", right: "replies" }),
  ),
  question("sas-both-call", "HOLDS", "called by both of them", () =>
    shortString({ left: "commits", right: "commits" }),
  ),
  question("sas-no-commitment", "ATTACK", "mutant: rA is sent in clear instead of its commitment", () =>
    shortString({ ...middle, without: "the commitment" }),
  ),
  question("sas-no-h", "ATTACK", "mutant: neither commitment nor string has h and the key of the handshake in it", () =>
    shortString({ ...middle, without: "h" }),
  ),
  question("sas-no-order", "ATTACK", "mutant: rB is sent before the commitment has come", () =>
    shortString({ ...middle, without: "the order" }),
  ),
  question("sas-no-first-reply", "ATTACK", "mutant: another rB is taken after rA has been revealed", () =>
    shortString({ ...middle, without: "the first reply" }),
  ),
]
