/**
 * Which of a client's lines answers which PORT (PROTOCOL.md, sections 4.1 and 4.2).
 *
 * Usually each PORT has one answer. A line may belong to an earlier question all the same:
 *
 * - The older client accepts with two OK lines, the second up to tens of milliseconds later, even after the next PORT: a
 *   *surplus* OK. It refuses with one line. Whether a client doubles its OK is not known at first.
 * - A question can be withdrawn while its answer is under way, because the other side declined or left: that answer is
 *   *owed*.
 *
 * A line that may be surplus or owed is *held* for `holdMillis`: a line that follows shows that it was, silence shows
 * that it was the answer. The surplus OK of a client that has been seen to double is swallowed without waiting.
 */
import type { Refusal } from "./ClientMessage.ts"
import type { Dialect } from "./Dialect.ts"

/** How long a server waits for a surplus OK: before it asks the same client again, and with an OK held. Milliseconds. */
export const holdMillis = 500

/** After this long a surplus OK is no longer expected. Milliseconds. */
export const surplusMillis = 5000

/** After this long the answer to a question withdrawn is no longer expected. Milliseconds. */
export const owedMillis = 5000

/** What a client can say to PORT. */
export type Answer = "Free" | Refusal

export interface State {
  /** A PORT waits for its answer. */
  readonly asked: boolean
  /** A line that may belong to an earlier question. */
  readonly held: Answer | undefined
  /** When a question was answered with an OK whose second may still come. */
  readonly surplusSince: number | undefined
  /** The client has been seen to send OK twice. */
  readonly doubles: boolean
  /** How often no second OK came in time. A client that has shown it twice, and never doubled, sends one. */
  readonly singles: number
  /** How many questions were withdrawn without an answer, and when the last one was. */
  readonly owed: number
  readonly owedSince: number
}

/** What a line is: nothing to PORT, perhaps its answer, or its answer. */
export type Verdict = "Noise" | "Held" | Answer

export const initial: State = {
  asked: false,
  held: undefined,
  surplusSince: undefined,
  doubles: false,
  singles: 0,
  owed: 0,
  owedSince: -Infinity,
}

const surplusDue = (state: State, now: number): boolean =>
  state.surplusSince !== undefined && now - state.surplusSince < surplusMillis

const owedNow = (state: State, now: number): number => (now - state.owedSince < owedMillis ? state.owed : 0)

/** How long to wait before the next PORT so that a surplus OK is out of the way, in milliseconds. */
export const gateMillis = (state: State, now: number): number =>
  surplusDue(state, now) && !state.doubles ? Math.max(0, holdMillis - (now - state.surplusSince!)) : 0

/** PORT goes out. */
export const ask = (state: State, now: number): State => {
  const single = surplusDue(state, now) && !state.doubles && now - state.surplusSince! >= holdMillis
  const singles = single ? state.singles + 1 : state.singles
  const surplusSince = singles >= 2 && !state.doubles ? undefined : state.surplusSince
  return { ...state, asked: true, held: undefined, singles, surplusSince }
}

/** The question, if one is open, is withdrawn: its answer is owed from now on. */
export const withdraw = (state: State, now: number): State =>
  state.asked ? { ...state, asked: false, held: undefined, owed: owedNow(state, now) + 1, owedSince: now } : state

/** The client sent OK, or ERROR. */
export const answer = (state: State, dialect: Dialect, line: Answer, now: number): readonly [State, Verdict] => {
  const owed = owedNow(state, now)
  const mayDouble = dialect === "original" && line === "Free" && (state.doubles || state.singles < 2)
  if (mayDouble && surplusDue(state, now) && (!state.asked || state.doubles)) {
    return [{ ...state, surplusSince: undefined, doubles: true }, "Noise"]
  }
  if (!state.asked) {
    return owed === 0
      ? [state, "Noise"]
      : [{ ...state, owed: owed - 1, surplusSince: mayDouble ? now : state.surplusSince }, "Noise"]
  }
  if (state.held === undefined && (owed > 0 || (mayDouble && surplusDue(state, now)))) {
    return [{ ...state, held: line, surplusSince: mayDouble && owed > 0 ? now : state.surplusSince }, "Held"]
  }
  // What was held belonged to an earlier question. With more than one of those, so may this; and after an OK that was
  // owed an older client sends one that is surplus.
  if (state.held !== undefined && owed > (mayDouble && state.held === "Free" ? 0 : 1)) {
    return [{ ...state, held: line, owed: owed - 1 }, "Held"]
  }
  const doubles = state.doubles || (dialect === "original" && state.held === "Free" && surplusDue(state, now))
  return [settled({ ...state, doubles, owed: 0 }, mayDouble ? now : undefined), line]
}

/** Nothing followed the line held: it was the answer. */
export const settle = (state: State, dialect: Dialect, now: number): readonly [State, Verdict] =>
  state.asked && state.held !== undefined
    ? [settled(state, dialect === "original" && state.held === "Free" ? now : undefined), state.held]
    : [state, "Noise"]

const settled = (state: State, surplusSince: number | undefined): State => ({
  ...state,
  asked: false,
  held: undefined,
  surplusSince,
})
