/**
 * Horn clauses as the provers of the TPTP world read them (the language CNF): who knows or does this, knows or does that.
 *
 * Terms and facts are written as TPTP writes them: `certificate(alice,Static)`; a name that begins with a capital is a
 * variable, and stands for anything. `symbol` makes the functions that build them, so that a slip in the number of
 * arguments is found when the model is loaded rather than proven around.
 */

/** A message, a key, a number: anything that can be sent or known. */
export type Term = string
/** Something that is so: somebody knows a term, somebody's program rings. */
export type Fact = string

export interface Rule {
  /** What it says, in words: printed above the clause. */
  readonly why: string
  readonly if: ReadonlyArray<Fact>
  readonly then: Fact
}

/** Two ways to compute one thing. */
export interface Equation {
  readonly why: string
  readonly left: Term
  readonly right: Term
}

/** The rules of a world, and what nobody must be able to reach in it: all of `goal` at once. */
export interface Problem {
  readonly rules: ReadonlyArray<Rule>
  readonly equations: ReadonlyArray<Equation>
  readonly goal: ReadonlyArray<Fact>
}

type Tuple<Count extends number, Sofar extends ReadonlyArray<Term> = []> = Sofar["length"] extends Count
  ? Sofar
  : Tuple<Count, readonly [...Sofar, Term]>
interface Terms {
  readonly 1: Tuple<1>
  readonly 2: Tuple<2>
  readonly 3: Tuple<3>
  readonly 4: Tuple<4>
  readonly 5: Tuple<5>
  readonly 6: Tuple<6>
  readonly 7: Tuple<7>
  readonly 8: Tuple<8>
  readonly 9: Tuple<9>
}

/** A function or predicate of a fixed number of arguments. */
export const symbol =
  <const Count extends keyof Terms>(name: string, count: Count) =>
  (...args: Terms[Count]): Term => {
    // `terms.map(symbol)` would pass more, which the types don't see.
    if (args.length !== count) throw new Error(`${name} takes ${count} arguments, and was given ${args.length}`)
    return `${name}(${args.join(",")})`
  }

const clause = (name: string, role: string, why: string, literals: ReadonlyArray<string>): string =>
  `% ${why.replace(/\s+/g, " ")}\ncnf(${name}, ${role},\n    ( ${literals.join("\n    | ")} )).\n`

const not = (fact: Fact): string => `~ ${fact}`

/** The problem as a file of TPTP's CNF. E proves it unsatisfiable exactly if the goal can be reached. */
export const toTptp = (title: string, { rules, equations, goal }: Problem): string =>
  [
    `% ${title}\n`,
    ...equations.map(({ why, left, right }, i) => clause(`same_${i + 1}`, "axiom", why, [`${left} = ${right}`])),
    ...rules.map(({ why, if: premises, then }, i) =>
      clause(`rule_${i + 1}`, "axiom", why, [...premises.map(not), then]),
    ),
    clause("goal", "negated_conjecture", "What must not be reached.", goal.map(not)),
  ].join("\n")
