/**
 * Which of a client's lines answers which PORT (PROTOCOL.md, section 4.2).
 *
 * In the `readme` dialect each PORT has one answer. The older client accepts with two OK lines, the second up to tens of
 * milliseconds later, even after the next PORT: a surplus OK that must not answer that next question. It refuses with
 * one line. Whether a client doubles its OK is not known at first, so that
 *
 * - an OK that may be the surplus of the question before is *held* for `holdMillis`: a line that follows shows that it
 *   was; silence shows that it was the answer;
 * - once a client has doubled, its surplus OK is swallowed without waiting.
 *
 * A question can be withdrawn while its answer is under way, because the other side declined or left: that answer is
 * *owed*, and swallowed when it comes, so that it does not answer the next question either.
 */
import type { Dialect } from "./Dialect.ts"

/** How long a server waits for a surplus OK: before it asks the same client again, and with an OK held. Milliseconds. */
export const holdMillis = 500

/** After this long a surplus OK is no longer expected. Milliseconds. */
export const surplusMillis = 5000

/** After this long the answer to a question withdrawn is no longer expected. Milliseconds. */
export const owedMillis = 5000

export interface State {
  /** A PORT waits for its answer. */
  readonly asked: boolean
  /** An OK has come that may belong to the question before. */
  readonly held: boolean
  /** When a question was answered with an OK whose second may still come. */
  readonly surplusSince: number | undefined
  /** The client has been seen to send OK twice. */
  readonly doubles: boolean
  /** How many questions were withdrawn without an answer, and when the last one was. */
  readonly owed: number
  readonly owedSince: number
}

export type Verdict = "Noise" | "Held" | "Free" | "Refused"

export const initial: State = {
  asked: false,
  held: false,
  surplusSince: undefined,
  doubles: false,
  owed: 0,
  owedSince: -Infinity,
}

const surplusDue = (state: State, now: number): boolean =>
  state.surplusSince !== undefined && now - state.surplusSince < surplusMillis

const answerOwed = (state: State, now: number): boolean => state.owed > 0 && now - state.owedSince < owedMillis

/** How long to wait before the next PORT so that a surplus OK is out of the way, in milliseconds. */
export const gateMillis = (state: State, now: number): number =>
  surplusDue(state, now) && !state.doubles ? Math.max(0, holdMillis - (now - state.surplusSince!)) : 0

/** PORT goes out. */
export const ask = (state: State): State => ({ ...state, asked: true, held: false })

/** The question, if one is open, is withdrawn: its answer is owed from now on. */
export const withdraw = (state: State, now: number): State => {
  if (!state.asked) return state
  // An OK held was the answer, or surplus before it: either way no more than one line is still to come.
  return { ...state, asked: false, held: false, owed: answerOwed(state, now) ? state.owed + 1 : 1, owedSince: now }
}

const answered = (state: State): State => ({ ...state, asked: false, held: false })

/** The client sent OK. */
export const accept = (state: State, dialect: Dialect, now: number): readonly [State, Verdict] => {
  if (dialect === "readme") {
    if (answerOwed(state, now)) return [{ ...state, owed: state.owed - 1 }, "Noise"]
    return state.asked ? [answered(state), "Free"] : [state, "Noise"]
  }
  // What comes first was sent first: the surplus of an answer counted before the answer to a later question.
  if (surplusDue(state, now) && (!state.asked || state.doubles)) {
    return [{ ...state, surplusSince: undefined, doubles: true }, "Noise"]
  }
  if (answerOwed(state, now)) return [{ ...state, owed: state.owed - 1, surplusSince: now }, "Noise"]
  if (!surplusDue(state, now)) {
    return state.asked ? [{ ...answered(state), surplusSince: now }, "Free"] : [state, "Noise"]
  }
  if (!state.held) return [{ ...state, held: true }, "Held"]
  return [{ ...answered(state), surplusSince: now, doubles: true }, "Free"]
}

/** The client sent ERROR. An OK held was surplus then. */
export const refuse = (state: State, now: number): readonly [State, Verdict] => {
  const known: State = { ...state, held: false, surplusSince: undefined, doubles: state.doubles || state.held }
  if (answerOwed(state, now)) return [{ ...known, owed: state.owed - 1 }, "Noise"]
  return [answered(known), state.asked ? "Refused" : "Noise"]
}

/** Nothing followed an OK held: it was the answer. */
export const settle = (state: State, now: number): readonly [State, Verdict] =>
  state.asked && state.held ? [{ ...answered(state), surplusSince: now }, "Free"] : [state, "Noise"]
