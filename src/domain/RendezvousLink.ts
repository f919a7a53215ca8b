/**
 * A client's side of its connection to the rendezvous server, as a pure state machine (PROTOCOL.md, sections 4, 5, 9).
 *
 * ```
 *  Greeting ── HELLO ──▶ Registering ── REGISTER name OK ──▶ Registered
 *     └──────────── ERROR, silence, no server ───┴──▶ Over ◀── silence ──┘
 *
 *  Registered: three things go on at a time, each with one answer.
 *    a list:      LISTUSERS ─▶ STARTUSERS … ENDUSERS, or ERROR
 *    a call:      CHAT ─▶ PORT … ─▶ STARTCHAT, or ERROR
 *    a question:  PORT ─▶ OK or ERROR of ours ─▶ STARTCHAT, another PORT, or ERROR; of the call, or somebody calls us
 * ```
 *
 * In `original` nothing is said between CHAT or PORT and the end of the negotiation but answers to PORT, for the older
 * server takes any line for one: a list or call that is asked for meanwhile waits. That server also loses answers of the
 * called side now and then, and calls them unknown: such an answer is repeated.
 *
 * The service that runs this (`RendezvousClient`) owns the connection, the UDP ports and the timer.
 */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { ClientMessage } from "./ClientMessage.ts"
import type { Dialect } from "./Dialect.ts"
import { type Endpoint, isUnicast, type Port } from "./Endpoint.ts"
import type { Line } from "./LineSplitter.ts"
import * as ServerMessage from "./ServerMessage.ts"
import * as UserList from "./UserList.ts"
import type * as Username from "./Username.ts"

/** How long the server may take to answer HELLO, REGISTER and LISTUSERS, in milliseconds. */
export const answerMillis = 10_000
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
export interface Config {
  readonly dialect: Dialect
  readonly name: Username.Username
}

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
  readonly config: Config
  readonly phase: "Greeting" | "Registering" | "Registered" | "Over"
  /** When HELLO or REGISTER was sent. */
  readonly since: number
  /** Since when a list is wanted, as soon as something may be said. */
  readonly listWanted: number | undefined
  /** When LISTUSERS was sent, until its answer. */
  readonly listingSince: number | undefined
  /** Between STARTUSERS and ENDUSERS. */
  readonly list: UserList.UserList | undefined
  /** A call is wanted as soon as something may be said. */
  readonly callWanted: { readonly name: Username.Username; readonly since: number } | undefined
  readonly call: Call | undefined
  readonly question: Question | undefined
}

export type Event =
  /** A line of the server. `available`: somebody who calls now is welcome. */
  | { readonly _tag: "Heard"; readonly line: Line; readonly available: boolean; readonly now: number }
  /** Answers `TryPort`. */
  | { readonly _tag: "PortTried"; readonly port: Port; readonly free: boolean; readonly now: number }
  | { readonly _tag: "List"; readonly now: number }
  /** One call at a time: not while `isCalling`. */
  | { readonly _tag: "Call"; readonly name: Username.Username; readonly now: number }
  /** Whoever called does not wait any longer. */
  | { readonly _tag: "Abandon" }
  /** `dueAt` has come. */
  | { readonly _tag: "Due"; readonly now: number }
  /** The connection is gone. */
  | { readonly _tag: "Closed" }

export type LossReason = "Closed" | "Silent" | "NotAServer"

export type Action =
  | { readonly _tag: "Send"; readonly message: ClientMessage }
  | { readonly _tag: "Registered" }
  | { readonly _tag: "NotRegistered"; readonly code: string }
  | { readonly _tag: "Listed"; readonly names: ReadonlyArray<Username.Username> }
  | { readonly _tag: "NotListed"; readonly code: string }
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
  /** The link is gone, and all that was asked for with it. */
  | { readonly _tag: "Lost"; readonly reason: LossReason }

export type Step = readonly [State, ReadonlyArray<Action>]

/** The connection is there: HELLO goes out. */
export const start = (config: Config, now: number): Step => [
  {
    config,
    phase: "Greeting",
    since: now,
    listWanted: undefined,
    listingSince: undefined,
    list: undefined,
    callWanted: undefined,
    call: undefined,
    question: undefined,
  },
  [send({ _tag: "Hello" })],
]

/** A call is wanted or under way. */
export const isCalling = ({ call, callWanted }: State): boolean =>
  callWanted !== undefined || (call !== undefined && !call.abandoned)

/** When `Due` is to be told, in milliseconds of the same clock as the events; `Infinity` if never. */
export const dueAt = (state: State): number => {
  if (state.phase === "Over") return Infinity
  if (state.phase !== "Registered") return state.since + answerMillis
  const { listingSince, call, question } = state
  return Math.min(
    listingSince === undefined ? Infinity : listingSince + answerMillis,
    call === undefined ? Infinity : callEndsAt(call),
    question === undefined ? Infinity : question.since + keepMillis,
    question?.repeatAt ?? Infinity,
    isHushed(state) ? quietUntil(state) : Infinity,
  )
}

export const step = (state: State, event: Event): Step => {
  if (state.phase === "Over") return [state, nothing]
  switch (event._tag) {
    case "Heard":
      return thenSpeak(heard(state, event), event.now)
    case "PortTried":
      return portTried(state, event)
    case "List":
      return state.phase === "Registered" && state.listingSince === undefined
        ? thenSpeak([{ ...state, listWanted: state.listWanted ?? event.now }, nothing], event.now)
        : [state, nothing]
    case "Call":
      return state.phase === "Registered" && !isCalling(state)
        ? thenSpeak([{ ...state, callWanted: { name: event.name, since: event.now } }, nothing], event.now)
        : [state, nothing]
    case "Abandon":
      return [
        {
          ...state,
          callWanted: undefined,
          call: state.call === undefined ? undefined : { ...state.call, abandoned: true },
        },
        nothing,
      ]
    case "Due":
      return thenSpeak(due(state, event.now), event.now)
    case "Closed":
      return lose(state, "Closed")
  }
}

const nothing: ReadonlyArray<Action> = []
const send = (message: ClientMessage): Action => ({ _tag: "Send", message })
const taken: ClientMessage = { _tag: "Refuse", reason: "Taken" }

const lose = (state: State, reason: LossReason): Step => [{ ...state, phase: "Over" }, [{ _tag: "Lost", reason }]]

// What was asked for is said as soon as it may be.

/** Something is to be said, and only a question keeps us from it. */
const isHushed = ({ config, call, question, listWanted, callWanted }: State): boolean =>
  config.dialect === "original" &&
  call === undefined &&
  question !== undefined &&
  (listWanted !== undefined || callWanted !== undefined)

/** When we speak though the server asks: one that asks again and again does not keep us from it for ever. */
const quietUntil = ({ question, listWanted, callWanted }: State): number =>
  question === undefined
    ? -Infinity
    : Math.min(question.since, listWanted ?? Infinity, callWanted?.since ?? Infinity) + callMillis

/** Whether the older server would take a line for an answer to PORT. */
const mustBeQuiet = (state: State, now: number): boolean =>
  state.config.dialect === "original" && (state.call !== undefined || now < quietUntil(state))

const thenSpeak = ([before, actions]: Step, now: number): Step => {
  const isWaiting = before.listWanted !== undefined || before.callWanted !== undefined
  if (before.phase !== "Registered" || !isWaiting || mustBeQuiet(before, now)) return [before, actions]
  let state = before
  const said: Array<Action> = []
  if (state.listWanted !== undefined) {
    state = { ...state, listWanted: undefined, listingSince: now }
    said.push(send({ _tag: "ListUsers" }))
  }
  if (state.callWanted !== undefined && state.call === undefined) {
    const { name } = state.callWanted
    const call: Call = { name, sentAt: now, heardAt: now, answered: false, abandoned: false }
    state = { ...state, callWanted: undefined, call }
    said.push(send({ _tag: "Chat", name }))
  }
  return [state, [...actions, ...said]]
}

// What the server says.

const heard = (state: State, { line, available, now }: Extract<Event, { readonly _tag: "Heard" }>): Step => {
  const { dialect } = state.config
  // One that is too long is no message either.
  const decoded = ServerMessage.decode(dialect, line._tag === "Line" ? line.text : "", state.list !== undefined)
  if (state.phase !== "Registered") {
    return Result.isFailure(decoded) ? lose(state, "NotAServer") : introduced(state, decoded.success, now)
  }
  if (Result.isFailure(decoded)) return [state, nothing]
  const message = decoded.success
  switch (message._tag) {
    case "UsersBegin":
      return [{ ...state, list: UserList.begin(state.listingSince !== undefined) }, nothing]
    case "User":
      return [addUser(state, message.name), nothing]
    case "UsersEnd":
      return endOfList(state)
    case "Calling":
      return [hearOfCall(state, now), nothing]
    case "AskPort":
    case "AskNoPort":
      return askedPort(state, message._tag === "AskPort" ? message.port : undefined, available, now)
    case "StartChat":
      return startChat(state, message.endpoint, message.name)
    case "Error":
      return refused(state, message.code, message.about, now)
    default:
      return [state, nothing]
  }
}

/** Before the name is ours: the answers to HELLO and REGISTER. */
const introduced = (state: State, message: ServerMessage.ServerLine, now: number): Step => {
  if (message._tag === "Error") {
    return [{ ...state, phase: "Over" }, [{ _tag: "NotRegistered", code: message.code }]]
  }
  if (state.phase === "Greeting" && message._tag === "Hello") {
    return [{ ...state, phase: "Registering", since: now }, [send({ _tag: "Register", name: state.config.name })]]
  }
  return state.phase === "Registering" && message._tag === "Registered" && message.name === state.config.name
    ? [{ ...state, phase: "Registered" }, [{ _tag: "Registered" }]]
    : [state, nothing]
}

// The list.

const addUser = (state: State, name: string): State => {
  const list = state.list === undefined ? undefined : UserList.add(state.list, name, state.config.name)
  return list === state.list ? state : { ...state, list }
}

const endOfList = (state: State): Step => {
  const { list } = state
  if (list === undefined || !list.isAnswer) return [{ ...state, list: undefined }, nothing]
  return [{ ...state, list: undefined, listingSince: undefined }, [{ _tag: "Listed", names: UserList.names(list) }]]
}

/** A list that was refused goes on to its end, but answers nobody. */
const endList = (state: State, code: string): Step => [
  { ...state, listingSince: undefined, list: state.list === undefined ? undefined : UserList.begin(false) },
  [{ _tag: "NotListed", code }],
]

// Negotiations: of a call of ours, or of somebody who calls us.

const hearOfCall = (state: State, now: number): State =>
  state.call === undefined ? state : { ...state, call: { ...state.call, heardAt: now, answered: true } }

const askedPort = (before: State, port: Port | undefined, available: boolean, now: number): Step => {
  const { dialect } = before.config
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

const portTried = (state: State, { port, free }: Extract<Event, { readonly _tag: "PortTried" }>): Step => {
  const { question } = state
  // The negotiation has ended while the port was tried.
  if (question === undefined) return [state, free ? [{ _tag: "GiveBack" }] : nothing]
  if (question.port !== port || question.answer !== undefined) return [state, nothing]
  return answer(state, free ? { _tag: "Accept" } : taken)
}

const startChat = (before: State, remote: Endpoint, peer: Option.Option<Username.Username>): Step => {
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

// Refusals.

/** They are about a call, ours or somebody's, and never about a list. */
const codesOfCalls = new Set([
  "User_not_online",
  "Self_call",
  "Name_invalid",
  "Already_calling",
  "Busy",
  "Declined",
  "Too_many_tries",
  "No_answer",
  "Peer_gone",
])

const refused = (state: State, code: string, about: Option.Option<Username.Username>, now: number): Step => {
  if (state.config.dialect === "original" && code === "Operation_unknown") return misread(state, now)
  switch (concerned(state, code, about)) {
    case "List":
      return endList(state, code)
    case "Call":
      return endCall(state, code)
    case "Question":
      return [{ ...state, question: undefined }, [{ _tag: "GiveBack" }]]
    case "Nothing":
      return [state, nothing]
  }
}

/** What an ERROR line is about: only the `readme` dialect names somebody, and not always. */
const concerned = (
  { call, question, listingSince }: State,
  code: string,
  about: Option.Option<Username.Username>,
): "List" | "Call" | "Question" | "Nothing" => {
  const negotiation = call !== undefined ? "Call" : question !== undefined ? "Question" : "Nothing"
  if (Option.isSome(about)) return call !== undefined && about.value !== call.name ? "Nothing" : negotiation
  if (codesOfCalls.has(code) || listingSince === undefined) return negotiation
  // What was said first is answered first.
  return call === undefined || call.answered || listingSince < call.sentAt ? "List" : "Call"
}

const endCall = (state: State, code: string): Step => {
  const { call, question } = state
  const told: ReadonlyArray<Action> = call?.abandoned === true ? nothing : [{ _tag: "NotCalled", code }]
  // A question from before the call: somebody is calling us at the same time, and that goes on.
  if (question !== undefined && call?.answered === false) return [{ ...state, call: undefined }, told]
  return [{ ...state, call: undefined, question: undefined }, [{ _tag: "GiveBack" }, ...told]]
}

/**
 * The older server knows all that is said: this is about an answer to PORT, now or before, that the wrong reader got. A
 * caller's answer always reaches its reader: a second one would answer the next question.
 */
const misread = (state: State, now: number): Step => {
  const { question, call } = state
  if (call !== undefined || question?.answer === undefined || question.repeatAt !== undefined) return [state, nothing]
  if (now - question.since > repeatForMillis) return [state, nothing]
  return [{ ...state, question: { ...question, repeatAt: now + repeatMillis } }, nothing]
}

// Time.

const callEndsAt = ({ heardAt, sentAt }: Call): number => Math.min(heardAt + callMillis, sentAt + longestCallMillis)

const due = (state: State, now: number): Step => {
  if (state.phase !== "Registered") {
    return now >= state.since + answerMillis ? lose(state, "Silent") : [state, nothing]
  }
  const { listingSince, call } = state
  if (listingSince !== undefined && now >= listingSince + answerMillis) return lose(state, "Silent")
  if (call === undefined || now < callEndsAt(call)) return dueOfQuestion(state, nothing, now)
  const [ended, actions] = endCall(state, "No_answer")
  if (state.config.dialect === "readme") return dueOfQuestion(ended, actions, now)
  // The older server can't be told that a call is over: only a new connection ends it.
  const [lost, more] = lose(ended, "Silent")
  return [lost, [...actions, ...more]]
}

const dueOfQuestion = (state: State, before: ReadonlyArray<Action>, now: number): Step => {
  const { question } = state
  if (question === undefined) return [state, before]
  if (now >= question.since + keepMillis) return [{ ...state, question: undefined }, [...before, { _tag: "GiveBack" }]]
  const { repeatAt, answer } = question
  if (repeatAt === undefined || answer === undefined || now < repeatAt) return [state, before]
  return [{ ...state, question: { ...question, repeatAt: undefined } }, [...before, send(answer)]]
}
