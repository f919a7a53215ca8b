/**
 * A client's side of its connection to the rendezvous server, as a pure state machine (PROTOCOL.md, sections 4, 5, 9).
 *
 * ```
 *  Greeting ── HELLO ──▶ Registering ── REGISTER name OK ──▶ Registered
 *     └──────────── ERROR, silence, no server ───┴──▶ Over ◀── silence ──┘
 *
 *  Registered: two things go on at a time.
 *    a list:         LISTUSERS ─▶ STARTUSERS … ENDUSERS, or ERROR
 *    a negotiation:  CHAT or PORT ─▶ … ─▶ STARTCHAT, or ERROR (`Negotiation`)
 * ```
 *
 * In `original` nothing is said between CHAT or PORT and the end of the negotiation but answers to PORT, for the older
 * server takes any line for one: a list or call that is asked for meanwhile waits.
 *
 * The service that runs this (`RendezvousClient`) owns the connection, the UDP ports and the timer.
 */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { ClientMessage } from "./ClientMessage.ts"
import type { Dialect } from "./Dialect.ts"
import type { Port } from "./Endpoint.ts"
import type { Line } from "./LineSplitter.ts"
import * as Negotiation from "./Negotiation.ts"
import * as ServerMessage from "./ServerMessage.ts"
import * as UserList from "./UserList.ts"
import type * as Username from "./Username.ts"

/** How long the server may take to answer HELLO, REGISTER and LISTUSERS, in milliseconds. */
export const answerMillis = 10_000

export interface Config {
  readonly dialect: Dialect
  readonly name: Username.Username
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
  readonly negotiation: Negotiation.State
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
  | Negotiation.Action
  | { readonly _tag: "Registered" }
  | { readonly _tag: "NotRegistered"; readonly code: string }
  | { readonly _tag: "Listed"; readonly names: ReadonlyArray<Username.Username> }
  | { readonly _tag: "NotListed"; readonly code: string }
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
    negotiation: Negotiation.initial,
  },
  [send({ _tag: "Hello" })],
]

/** A call is wanted or under way. */
export const isCalling = ({ negotiation }: State): boolean => Negotiation.isCalling(negotiation)

/** When `Due` is to be told, in milliseconds of the same clock as the events; `Infinity` if never. */
export const dueAt = (state: State): number => {
  if (state.phase === "Over") return Infinity
  if (state.phase !== "Registered") return state.since + answerMillis
  const { listingSince, negotiation } = state
  return Math.min(
    listingSince === undefined ? Infinity : listingSince + answerMillis,
    Negotiation.dueAt(negotiation),
    isHushed(state) ? quietUntil(state) : Infinity,
  )
}

export const step = (state: State, event: Event): Step => {
  if (state.phase === "Over") return [state, nothing]
  switch (event._tag) {
    case "Heard":
      return thenSpeak(heard(state, event), event.now)
    case "PortTried":
      return negotiated(state, Negotiation.portTried(state.negotiation, event.port, event.free))
    case "List":
      return state.phase === "Registered" && state.listingSince === undefined
        ? thenSpeak([{ ...state, listWanted: state.listWanted ?? event.now }, nothing], event.now)
        : [state, nothing]
    case "Call":
      return state.phase === "Registered" && !isCalling(state)
        ? thenSpeak(negotiated(state, Negotiation.want(state.negotiation, event.name, event.now)), event.now)
        : [state, nothing]
    case "Abandon":
      return negotiated(state, Negotiation.abandon(state.negotiation))
    case "Due":
      return thenSpeak(due(state, event.now), event.now)
    case "Closed":
      return lose(state, "Closed")
  }
}

const nothing: ReadonlyArray<never> = []
const send = (message: ClientMessage): Action => ({ _tag: "Send", message })

const lose = (state: State, reason: LossReason): Step => [{ ...state, phase: "Over" }, [{ _tag: "Lost", reason }]]

/** What comes of a step of the negotiation. */
const negotiated = (state: State, [negotiation, actions]: Negotiation.Step): Step => [
  { ...state, negotiation },
  actions,
]

// What was asked for is said as soon as it may be.

/** Something is to be said, and only a question keeps us from it. */
const isHushed = ({ config, listWanted, negotiation: { call, callWanted, question } }: State): boolean =>
  config.dialect === "original" &&
  call === undefined &&
  question !== undefined &&
  (listWanted !== undefined || callWanted !== undefined)

/** When we speak though the server asks: one that asks again and again does not keep us from it for ever. */
const quietUntil = ({ listWanted, negotiation: { callWanted, question } }: State): number =>
  question === undefined
    ? -Infinity
    : Math.min(question.since, listWanted ?? Infinity, callWanted?.since ?? Infinity) + Negotiation.callMillis

/** Whether the older server would take a line for an answer to PORT. */
const mustBeQuiet = (state: State, now: number): boolean =>
  state.config.dialect === "original" && (state.negotiation.call !== undefined || now < quietUntil(state))

const thenSpeak = ([before, actions]: Step, now: number): Step => {
  const isWaiting = before.listWanted !== undefined || before.negotiation.callWanted !== undefined
  if (before.phase !== "Registered" || !isWaiting || mustBeQuiet(before, now)) return [before, actions]
  const [state, list] = before.listWanted === undefined ? [before, nothing] : listing(before, now)
  const [next, call] = negotiated(state, Negotiation.speak(state.negotiation, now))
  return [next, [...actions, ...list, ...call]]
}

// What the server says.

const heard = (state: State, { line, available, now }: Extract<Event, { readonly _tag: "Heard" }>): Step => {
  const { negotiation } = state
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
      return negotiated(state, Negotiation.heardOfCall(negotiation, now))
    case "AskPort":
    case "AskNoPort": {
      const port = message._tag === "AskPort" ? message.port : undefined
      return negotiated(state, Negotiation.askedPort(dialect, negotiation, port, available, now))
    }
    case "StartChat":
      return negotiated(state, Negotiation.startChat(negotiation, message.endpoint, message.name))
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

const listing = (state: State, now: number): Step => [
  { ...state, listWanted: undefined, listingSince: now },
  [send({ _tag: "ListUsers" })],
]

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
  const { negotiation } = state
  if (state.config.dialect === "original" && code === "Operation_unknown") {
    return negotiated(state, Negotiation.misread(negotiation, now))
  }
  switch (concerned(state, code, about)) {
    case "List":
      return endList(state, code)
    case "Call":
      return negotiated(state, Negotiation.endCall(negotiation, code))
    case "Question":
      return negotiated(state, Negotiation.endQuestion(negotiation))
    case "Nothing":
      return [state, nothing]
  }
}

/** What an ERROR line is about: only the `readme` dialect names somebody, and not always. */
const concerned = (
  { listingSince, negotiation: { call, question } }: State,
  code: string,
  about: Option.Option<Username.Username>,
): "List" | "Call" | "Question" | "Nothing" => {
  const negotiation = call !== undefined ? "Call" : question !== undefined ? "Question" : "Nothing"
  if (Option.isSome(about)) return call !== undefined && about.value !== call.name ? "Nothing" : negotiation
  if (codesOfCalls.has(code) || listingSince === undefined) return negotiation
  // What was said first is answered first.
  return call === undefined || call.answered || listingSince < call.sentAt ? "List" : "Call"
}

// Time.

const due = (state: State, now: number): Step => {
  if (state.phase !== "Registered") {
    return now >= state.since + answerMillis ? lose(state, "Silent") : [state, nothing]
  }
  const { listingSince, negotiation } = state
  if (listingSince !== undefined && now >= listingSince + answerMillis) return lose(state, "Silent")
  if (state.config.dialect === "readme" || !Negotiation.isOverdue(negotiation, now)) {
    return negotiated(state, Negotiation.due(negotiation, now))
  }
  // The older server can't be told that a call is over: only a new connection ends it.
  const [ended, actions] = negotiated(state, Negotiation.endCall(negotiation, "No_answer"))
  const [lost, more] = lose(ended, "Silent")
  return [lost, [...actions, ...more]]
}
