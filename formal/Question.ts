/** A question to the models: what must not be reachable, or must. */
import type { Problem, Rule, Term } from "./Clause.ts"
import { attacker, attackerLater, dh, kemKey, kemSecret, later, now, people } from "./Cryptography.ts"
import type { Verdict } from "./Eprover.ts"

/** `HOLDS`: what the goal says can't be reached. `ATTACK`: it can. `WORKS`: it can, and that is as it should be. */
export type Result = "HOLDS" | "ATTACK" | "WORKS"

export interface Question {
  /** Short, unique, fit for a file's name. */
  readonly name: string
  /** What is asked, in words. */
  readonly asks: string
  readonly expected: Result
  readonly problem: () => Problem
}

/** What E's verdict means for the question. */
export const result = ({ expected }: Question, verdict: Verdict): Result | "UNKNOWN" => {
  if (verdict === "unknown") return "UNKNOWN"
  if (verdict === "unreachable") return "HOLDS"
  return expected === "WORKS" ? "WORKS" : "ATTACK"
}

export const question = (name: string, expected: Result, asks: string, problem: () => Problem): Question => ({
  name,
  expected,
  asks,
  problem,
})

/** What the attacker is given. */
export interface Given {
  /** Secrets it has from the beginning. */
  readonly leaked?: ReadonlyArray<Term>
  /** Secrets it gets when all is over; the goal is about `later` then. */
  readonly leakedLater?: ReadonlyArray<Term>
}

/** The people, and the attacker with what it is given. */
export const given = ({ leaked = [], leakedLater = [] }: Given): ReadonlyArray<Rule> => [
  ...people,
  ...attacker,
  ...leaked.map((secret) => ({ why: "Leaked.", if: [], then: now(secret) })),
  ...(leakedLater.length === 0
    ? []
    : [
        ...attackerLater,
        ...leakedLater.map((secret) => ({ why: "Leaked when all is over.", if: [], then: later(secret) })),
      ]),
]

/** Every X25519 shared secret, whoever's: what a quantum computer makes of public keys. */
export const everyDh = dh("X", "Y")
/** Every ML-KEM shared secret. */
export const everyKemSecret = kemSecret(kemKey("X"), "Y")
