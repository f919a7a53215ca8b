/**
 * A client's side of negotiations, as a pure state machine (PROTOCOL.md, sections 4, 5, 9): which port a chat has, in a call
 * of ours or of somebody who calls us. Two things go on at a time, each with one end.
 *
 * ```
 *    a call:      CHAT ─▶ PORT … ─▶ STARTCHAT, or ERROR
 *    a question:  PORT ─▶ OK or ERROR of ours ─▶ STARTCHAT, another PORT, or ERROR; of the call, or somebody calls us
 * ```
 *
 * The older server loses answers of the called side now and then, and calls them unknown: such an answer is repeated.
 *
 * `RendezvousLink` runs this beside all else that is said on the link, and says when the server may be spoken to.
 */
import * as Option from "effect/Option"
import type { ClientMessage } from "./ClientMessage.ts"
import type { Dialect } from "./Dialect.ts"
import { type Endpoint, isUnicast, type Port } from "./Endpoint.ts"
import type * as Username from "./Username.ts"

/** How long a call may go without a word of the server, in milliseconds; and how long questions keep us quiet. */
export const callMillis = 15_000
/** How long a call may take in all, in milliseconds: 20 port numbers of 5 seconds each, and some. */
export const longestCallMillis = 120_000
/** How long a port stays bound for a STARTCHAT that does not come, in milliseconds. */
export const keepMillis = 30_000
/** The pause before an answer is repeated to the older server, in milliseconds. */
export const repeatMillis = 5
/** How long an answer is repeated to the older server, in milliseconds. */
export const repeatForMillis = 5000

/** A CHAT that was sent and has no end yet. */
interface Call {
  readonly name: Username.Username
  readonly sentAt: number
  /** The server's last word about it. */
  readonly heardAt: number
  /** There was one: it is more than a line the server may not have read. */
  readonly answered: boolean
  /** Nobody waits for it any more, but the server does not know. */
  readonly abandoned: boolean
}

/** The last PORT, as long as its negotiation may go on. */
interface Question {
  /** None if the number was none of a port. */
  readonly port: Port | undefined
  readonly since: number
  /** What was answered; nothing while the port is being tried. */
  readonly answer: ClientMessage | undefined
  /** When the answer is to be repeated. */
  readonly repeatAt: number | undefined
}

export interface State {
  /** A call is wanted as soon as something may be said. */
  readonly callWanted: { readonly name: Username.Username; readonly since: number } | undefined
  readonly call: Call | undefined
  readonly question: Question | undefined
}

export type Action =
  | { readonly _tag: "Send"; readonly message: ClientMessage }
  | { readonly _tag: "NotCalled"; readonly code: string }
  /** Bind this port, instead of the one kept, and tell with `PortTried` whether that went well. */
  | { readonly _tag: "TryPort"; readonly port: Port }
  /** The port kept is not needed any more. */
  | { readonly _tag: "GiveBack" }
  /** A chat can be opened, on the port kept or another: the answer to the call, or somebody else's. */
  | {
      readonly _tag: "Start"
      readonly remote: Endpoint
      readonly peer: Option.Option<Username.Username>
      readonly isAnswer: boolean
    }

export type Step = readonly [State, ReadonlyArray<Action>]

export const initial: State = { callWanted: undefined, call: undefined, question: undefined }

const nothing: ReadonlyArray<Action> = []
const send = (message: ClientMessage): Action => ({ _tag: "Send", message })
const taken: ClientMessage = { _tag: "Refuse", reason: "Taken" }

/** A call is wanted or under way. */
export const isCalling = ({ call, callWanted }: State): boolean =>
  callWanted !== undefined || (call !== undefined && !call.abandoned)

/** One call at a time: not while `isCalling`. */
export const want = (state: State, name: Username.Username, now: number): Step => [
  { ...state, callWanted: { name, since: now } },
  nothing,
]

/** Whoever called does not wait any longer. */
export const abandon = (state: State): Step => [
  {
    ...state,
    callWanted: undefined,
    call: state.call === undefined ? undefined : { ...state.call, abandoned: true },
  },
  nothing,
]

/** The server may be spoken to: CHAT goes out, if a call is wanted and there is none. */
export const speak = (state: State, now: number): Step => {
  if (state.callWanted === undefined || state.call !== undefined) return [state, nothing]
  const { name } = state.callWanted
  const call: Call = { name, sentAt: now, heardAt: now, answered: false, abandoned: false }
  return [{ ...state, callWanted: undefined, call }, [send({ _tag: "Chat", name })]]
}

// What the server says.

/** A word of the server about our call, if there is one. */
export const heardOfCall = (state: State, now: number): Step => [hearOfCall(state, now), nothing]

const hearOfCall = (state: State, now: number): State =>
  state.call === undefined ? state : { ...state, call: { ...state.call, heardAt: now, answered: true } }

/**
 * PORT.
 *
 * @param port none if the number was none of a port
 * @param available somebody who calls now is welcome
 */
export const askedPort = (
  dialect: Dialect,
  before: State,
  port: Port | undefined,
  available: boolean,
  now: number,
): Step => {
  const state = hearOfCall(before, now)
  const isWanted = available || (state.call !== undefined && !state.call.abandoned)
  if (!isWanted && dialect === "readme") {
    // It ends there, and nobody tells us so.
    return [{ ...state, question: undefined }, [{ _tag: "GiveBack" }, send({ _tag: "Refuse", reason: "Busy" })]]
  }
  const asked: State = { ...state, question: { port, since: now, answer: undefined, repeatAt: undefined } }
  if (port !== undefined && isWanted) return [asked, [{ _tag: "TryPort", port }]]
  const [next, actions] = answer(asked, taken)
  return [next, [{ _tag: "GiveBack" }, ...actions]]
}

const answer = (state: State, message: ClientMessage): Step => [
  state.question === undefined ? state : { ...state, question: { ...state.question, answer: message } },
  [send(message)],
]

/** Answers `TryPort`. */
export const portTried = (state: State, port: Port, free: boolean): Step => {
  const { question } = state
  // The negotiation has ended while the port was tried.
  if (question === undefined) return [state, free ? [{ _tag: "GiveBack" }] : nothing]
  if (question.port !== port || question.answer !== undefined) return [state, nothing]
  return answer(state, free ? { _tag: "Accept" } : taken)
}

/** STARTCHAT. */
export const startChat = (before: State, remote: Endpoint, peer: Option.Option<Username.Username>): Step => {
  const state: State = { ...before, question: undefined }
  // A server must not make us send to many, or to nobody.
  if (!isUnicast(remote.address)) return [state, [{ _tag: "GiveBack" }]]
  const { call, callWanted } = state
  const isAbout = (name: Username.Username | undefined): boolean => Option.isSome(peer) && peer.value === name
  if (call !== undefined && (isAbout(call.name) || Option.isNone(peer))) {
    return [
      { ...state, call: undefined },
      [{ _tag: "Start", remote, peer: Option.some(call.name), isAnswer: !call.abandoned }],
    ]
  }
  // Who was to be called was faster: one chat serves for both.
  const isAnswer = isAbout(callWanted?.name)
  return [isAnswer ? { ...state, callWanted: undefined } : state, [{ _tag: "Start", remote, peer, isAnswer }]]
}

/** ERROR to our call, or silence. */
export const endCall = (state: State, code: string): Step => {
  const { call, question } = state
  const told: ReadonlyArray<Action> = call?.abandoned === true ? nothing : [{ _tag: "NotCalled", code }]
  // A question from before the call: somebody is calling us at the same time, and that goes on.
  if (question !== undefined && call?.answered === false) return [{ ...state, call: undefined }, told]
  return [{ ...state, call: undefined, question: undefined }, [{ _tag: "GiveBack" }, ...told]]
}

/** ERROR to the question: it goes nowhere. */
export const endQuestion = (state: State): Step => [{ ...state, question: undefined }, [{ _tag: "GiveBack" }]]

/**
 * The older server knows all that is said: this is about an answer to PORT, now or before, that the wrong reader got. A
 * caller's answer always reaches its reader: a second one would answer the next question.
 */
export const misread = (state: State, now: number): Step => {
  const { question, call } = state
  if (call !== undefined || question?.answer === undefined || question.repeatAt !== undefined) return [state, nothing]
  if (now - question.since > repeatForMillis) return [state, nothing]
  return [{ ...state, question: { ...question, repeatAt: now + repeatMillis } }, nothing]
}

// Time.

const callEndsAt = ({ heardAt, sentAt }: Call): number => Math.min(heardAt + callMillis, sentAt + longestCallMillis)

/** When `due` is to be called, in milliseconds of the same clock; `Infinity` if never. */
export const dueAt = ({ call, question }: State): number =>
  Math.min(
    call === undefined ? Infinity : callEndsAt(call),
    question === undefined ? Infinity : question.since + keepMillis,
    question?.repeatAt ?? Infinity,
  )

/** Nothing came of our call in time. */
export const isOverdue = ({ call }: State, now: number): boolean => call !== undefined && now >= callEndsAt(call)

export const due = (state: State, now: number): Step => {
  if (!isOverdue(state, now)) return dueOfQuestion(state, nothing, now)
  const [ended, actions] = endCall(state, "No_answer")
  return dueOfQuestion(ended, actions, now)
}

const dueOfQuestion = (state: State, before: ReadonlyArray<Action>, now: number): Step => {
  const { question } = state
  if (question === undefined) return [state, before]
  if (now >= question.since + keepMillis) return [{ ...state, question: undefined }, [...before, { _tag: "GiveBack" }]]
  const { repeatAt, answer } = question
  if (repeatAt === undefined || answer === undefined || now < repeatAt) return [state, before]
  return [{ ...state, question: { ...question, repeatAt: undefined } }, [...before, send(answer)]]
}
