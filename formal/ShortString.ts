/**
 * Verifying by voice (PROTOCOL.md, section 17), against who sits in the middle of two chats, and has a handshake of its
 * own with each side: h and the `sas` key of both are known to it. Alice, in the left chat, and Bob, in the right one,
 * compare what their screens show; is there a way to have both show the same?
 *
 * ```
 *  the one who commits                       the one who replies
 *      ── SAS_COMMIT: commitment(h, rA) ──▶
 *      ◀─ SAS_REPLY:  rB ─────────────────
 *      ── SAS_REVEAL: rA ─────────────────▶  checks the commitment
 *  shows string(h, rA, rB)                   shows string(h, rA, rB)
 * ```
 *
 * The string is short, so that who may choose rA or rB when all else is settled finds one for any string it wants, by
 * trying: `fit_a` and `fit_b` are that. What remains without them is to be lucky once: 1 in 2^33, three times a chat.
 *
 * Order is what this is about. The rules of the other models never forget, and so would let the attacker choose rB by an
 * rA that was shown in reply to another rB. Here what is known is known at a point of time: `known_waiting_revealed(X)`
 * when, if a side commits there, the left one still waits for its rB, and the right one has it and has revealed its rA.
 * What who replies draws is a function of the commitment that came, and so needs no such care.
 */
import { type Fact, type Problem, type Rule, symbol, type Term } from "./Clause.ts"

export interface Variant {
  /** What the honest side does in the left chat, and in the right one. */
  readonly left: "commits" | "replies"
  readonly right: "commits" | "replies"
  readonly without?: "the commitment" | "h" | "the order" | "the first reply"
}

type Side = "left" | "right"

/** Where the committing side of each chat is. */
interface Point {
  readonly left: "waiting" | "revealed"
  readonly right: "waiting" | "revealed"
}
const points: ReadonlyArray<Point> = [
  { left: "waiting", right: "waiting" },
  { left: "waiting", right: "revealed" },
  { left: "revealed", right: "waiting" },
  { left: "revealed", right: "revealed" },
]

const known = ({ left, right }: Point, term: Term): Fact => `known_${left}_${right}(${term})`
/** What a screen shows; and what it may be made to show, by trying. */
const shows = symbol("shows", 2)
const mayShow = symbol("may_show", 2)

const commitment = symbol("commitment", 2)
const string = symbol("string", 3)
const fitA = symbol("fit_a", 3)
const fitB = symbol("fit_b", 3)

const trying: ReadonlyArray<Rule> = [
  { why: "What is shown.", if: [shows("Side", "T")], then: mayShow("Side", "T") },
  {
    why: "An rA that was tried until the string is T.",
    if: [shows("Side", string("H", fitA("H", "B", "T"), "B"))],
    then: mayShow("Side", "T"),
  },
  {
    why: "An rB that was tried until the string is T.",
    if: [shows("Side", string("H", "A", fitB("H", "A", "T")))],
    then: mayShow("Side", "T"),
  },
]

const attacker = (at: Point): ReadonlyArray<Rule> => {
  const make = (why: string, from: ReadonlyArray<Term>, then: Term): Rule => ({
    why,
    if: from.map((term) => known(at, term)),
    then: known(at, then),
  })
  return [
    make("The attacker has had a handshake with the left side.", [], "h_left"),
    make("And with the right side.", [], "h_right"),
    make("It draws numbers.", [], "own_number"),
    make("It commits.", ["H", "A"], commitment("H", "A")),
    make("It computes strings.", ["H", "A", "B"], string("H", "A", "B")),
    make("It tries numbers rA.", ["H", "B", "T"], fitA("H", "B", "T")),
    make("It tries numbers rB.", ["H", "A", "T"], fitB("H", "A", "T")),
  ]
}

const committing = (
  side: Side,
  h: Term,
  commit: (h: Term, a: Term) => Term,
  takesAnother: boolean,
): ReadonlyArray<Rule> => {
  const a = `a_${side}`
  const shown = (at: Point): Rule => ({
    why: `SAS_REPLY, ${side}: what is shown then.`,
    if: [known(at, "B")],
    then: shows(side, string(h, a, "B")),
  })
  return points.flatMap((at): ReadonlyArray<Rule> => [
    { why: `SAS_COMMIT, ${side}.`, if: [], then: known(at, commit(h, a)) },
    ...(at[side] === "revealed"
      ? [{ why: `SAS_REVEAL, ${side}: some SAS_REPLY has come.`, if: [], then: known(at, a) }]
      : []),
    ...(at[side] === "waiting" || takesAnother ? [shown(at)] : []),
  ])
}

const replying = (
  side: Side,
  h: Term,
  commit: (h: Term, a: Term) => Term,
  reply: (commitment: Term) => Term,
): ReadonlyArray<Rule> =>
  points.flatMap((at) => [
    { why: `SAS_REPLY, ${side}, to whatever comes as SAS_COMMIT.`, if: [], then: known(at, reply("Commitment")) },
    {
      why: `SAS_REVEAL, ${side}, fits its commitment: what is shown then.`,
      if: [known(at, commit(h, "A")), known(at, "A")],
      then: shows(side, string(h, "A", reply(commit(h, "A")))),
    },
  ])

/** Can both be made to show the same? */
export const shortString = ({ without, ...does }: Variant): Problem => {
  const commit = (h: Term, a: Term): Term => (without === "the commitment" ? a : commitment(h, a))
  const sides = (["left", "right"] as const).flatMap((side) => {
    const h = without === "h" ? "no_h" : `h_${side}`
    if (does[side] === "commits") return committing(side, h, commit, without === "the first reply")
    const b = `b_${side}`
    return replying(side, h, commit, without === "the order" ? () => b : symbol(b, 1))
  })
  return {
    rules: [...points.flatMap(attacker), ...trying, ...sides],
    equations: [],
    goal: [mayShow("left", "T"), mayShow("right", "T")],
  }
}
