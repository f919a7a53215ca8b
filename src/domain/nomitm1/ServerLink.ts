/**
 * A client's side of its link to the server over TLS, as a pure state machine (PROTOCOL.md, section 14): all but the
 * calls, whose lines it hands on to `domain/call/Calls`.
 *
 * ```
 *  Greeting ── HELLO nomitm/1 ──▶ Registering ── REGISTER name OK ──▶ Registered
 *     └──────────── ERROR, silence, no server ───────┴──▶ Over ◀── 45 s of silence ──┘
 * ```
 *
 * The service that runs this (`SealedRendezvous`) owns the connection and the timer.
 */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { Line } from "../LineSplitter.ts"
import type { PersonName } from "../PersonName.ts"
import type { ClientLine } from "./ClientLine.ts"
import * as ServerLine from "./ServerLine.ts"
import * as Who from "./Who.ts"

/**
 * How long the server may take to answer HELLO, REGISTER, LISTUSERS, LOOKUP and RELEASE, and REFLEX, which a server may not
 * know, in milliseconds.
 */
export const answerMillis = 10_000
/** PING goes out when nothing was sent for so long, in milliseconds. */
export const pingMillis = 15_000
/** A server that is silent for so long is gone, in milliseconds. */
export const silenceMillis = 45_000
/** How many names a list may have; more are left out. */
export const maxUsers = 100_000
/** How many questions about somebody may wait for their answers. */
export const maxLookUps = 16

/** The line that asks for the name: its proof is made for this one connection. */
export type Register = Extract<ClientLine, { readonly _tag: "Register" }>

/** A line about a call. RELAY is one too, but does not come here: there are too many of them. */
export type CallLine = Extract<
  ServerLine.ServerLine,
  { readonly _tag: "Incoming" | "Pass" | "Ended" | "AskPort" | "AskNoPort" | "StartChat" | "StartRelayOnly" }
>

/** The answer to REFLEX. */
export type Reflex = Extract<ServerLine.ServerLine, { readonly _tag: "Reflex" }>

interface LookUp {
  readonly who: Who.Who
  /** Who asks, in a number of the caller's own. */
  readonly asker: number
  readonly since: number
}

export interface State {
  readonly register: Register
  readonly phase: "Greeting" | "Registering" | "Registered" | "Over"
  /** When HELLO or REGISTER was sent. */
  readonly since: number
  readonly sentAt: number
  readonly heardAt: number
  readonly listingSince: number | undefined
  /** Between STARTUSERS and ENDUSERS; grows in place, so that a long list costs what it is long. */
  readonly list: Array<ServerLine.User> | undefined
  /** In the order in which they were asked, which is that of the answers. */
  readonly lookUps: ReadonlyArray<LookUp>
  readonly releasingSince: number | undefined
  readonly reflexSince: number | undefined
  /** Since when it is asked for a sign of life. */
  readonly doubtedSince: number | undefined
}

export type Event =
  | { readonly _tag: "Heard"; readonly line: Line; readonly now: number }
  /** Only while none is under way. */
  | { readonly _tag: "List"; readonly now: number }
  | { readonly _tag: "LookUp"; readonly who: Who.Who; readonly asker: number; readonly now: number }
  | { readonly _tag: "Release"; readonly now: number }
  /** REFLEX. Only while none is under way. */
  | { readonly _tag: "AskReflex"; readonly now: number }
  /** Records came, which are not shown here. */
  | { readonly _tag: "Relayed"; readonly now: number }
  /** The server may be out of reach: it is asked for a sign of life, and has as long as for any answer. */
  | { readonly _tag: "Doubt"; readonly now: number }
  /** A line about a call was sent. */
  | { readonly _tag: "Sent"; readonly now: number }
  /** `dueAt` has come. */
  | { readonly _tag: "Due"; readonly now: number }
  | { readonly _tag: "Closed" }

export type LossReason = "Closed" | "Silent" | "NotAServer" | "Replaced"

export type Action =
  | { readonly _tag: "Send"; readonly line: ClientLine }
  | { readonly _tag: "Registered" }
  | { readonly _tag: "NotRegistered"; readonly code: string }
  | { readonly _tag: "Listed"; readonly users: ReadonlyArray<ServerLine.User> }
  | {
      readonly _tag: "Found"
      readonly who: Who.Who
      readonly asker: number
      readonly name: PersonName
      readonly certificate: Uint8Array
    }
  /** Nobody of that name or id is online. */
  | { readonly _tag: "NotFound"; readonly who: Who.Who; readonly asker: number }
  | { readonly _tag: "Released" }
  | { readonly _tag: "Reflexed"; readonly reflex: Reflex }
  /** The server serves no lookups, or does not say. */
  | { readonly _tag: "NotReflexed"; readonly code: string }
  /** The server relays nothing. */
  | { readonly _tag: "RelayRefused" }
  /** Something for the calls. */
  | { readonly _tag: "OfCall"; readonly line: CallLine }
  | { readonly _tag: "Lost"; readonly reason: LossReason }

export type Step = readonly [State, ReadonlyArray<Action>]

/** The connection is there, and its server is trusted: HELLO goes out. */
export const start = (register: Register, now: number): Step => [
  {
    register,
    phase: "Greeting",
    since: now,
    sentAt: now,
    heardAt: now,
    listingSince: undefined,
    list: undefined,
    lookUps: [],
    releasingSince: undefined,
    reflexSince: undefined,
    doubtedSince: undefined,
  },
  [send({ _tag: "Hello" })],
]

/** When `Due` is to be told, in milliseconds of the same clock as the events; `Infinity` if never. */
export const dueAt = (state: State): number => {
  if (state.phase === "Over") return Infinity
  if (state.phase !== "Registered") return state.since + answerMillis
  return Math.min(answersEndAt(state), reflexEndsAt(state), state.heardAt + silenceMillis, state.sentAt + pingMillis)
}

/** When an answer that does not come shows that the server is none any more. */
const answersEndAt = ({ listingSince, lookUps, releasingSince, doubtedSince }: State): number =>
  Math.min(
    listingSince ?? Infinity,
    lookUps[0]?.since ?? Infinity,
    releasingSince ?? Infinity,
    doubtedSince ?? Infinity,
  ) + answerMillis

/** When a server that has not answered REFLEX is one that does not know it. */
const reflexEndsAt = ({ reflexSince }: State): number => (reflexSince ?? Infinity) + answerMillis

export const step = (state: State, event: Event): Step => {
  if (state.phase === "Over") return [state, nothing]
  switch (event._tag) {
    case "Heard":
      return heard({ ...state, heardAt: event.now, doubtedSince: undefined }, event.line, event.now)
    case "Closed":
      return lose(state, "Closed")
    case "Due":
      return due(state, event.now)
    case "Sent":
      return [{ ...state, sentAt: event.now }, nothing]
    case "List":
      return isFree(state) && state.listingSince === undefined
        ? [{ ...state, listingSince: event.now, sentAt: event.now }, [send({ _tag: "ListUsers" })]]
        : [state, nothing]
    case "LookUp": {
      const { who, asker, now } = event
      if (!isFree(state) || state.lookUps.length >= maxLookUps) return [state, [{ _tag: "NotFound", who, asker }]]
      const lookUps = [...state.lookUps, { who, asker, since: now }]
      return [{ ...state, lookUps, sentAt: now }, [send({ _tag: "LookUp", who })]]
    }
    case "Release":
      return isFree(state)
        ? [{ ...state, releasingSince: event.now, sentAt: event.now }, [send({ _tag: "Release" })]]
        : [state, nothing]
    case "AskReflex":
      return isFree(state) && state.reflexSince === undefined
        ? [{ ...state, reflexSince: event.now, sentAt: event.now }, [send({ _tag: "Reflex" })]]
        : [state, nothing]
    case "Relayed":
      return [{ ...state, heardAt: event.now, doubtedSince: undefined }, nothing]
    case "Doubt":
      return isFree(state) && state.doubtedSince === undefined
        ? [{ ...state, doubtedSince: event.now, sentAt: event.now }, [send({ _tag: "Ping" })]]
        : [state, nothing]
  }
}

const nothing: ReadonlyArray<Action> = []
const send = (line: ClientLine): Action => ({ _tag: "Send", line })
const lose = (state: State, reason: LossReason): Step => [{ ...state, phase: "Over" }, [{ _tag: "Lost", reason }]]

const isFree = ({ phase, releasingSince }: State): boolean => phase === "Registered" && releasingSince === undefined

// What the server says.

const heard = (state: State, line: Line, now: number): Step => {
  // One that is too long is no message either.
  const decoded = ServerLine.decode(line._tag === "Line" ? line.text : "")
  if (state.phase !== "Registered") {
    return Result.isFailure(decoded) ? lose(state, "NotAServer") : introduced(state, decoded.success, now)
  }
  if (Result.isFailure(decoded)) return [state, nothing]
  const message = decoded.success
  switch (message._tag) {
    case "UsersBegin":
      return [{ ...state, list: state.listingSince === undefined ? undefined : [] }, nothing]
    case "User":
      if (state.list !== undefined && state.list.length < maxUsers && message.user.name !== state.register.name) {
        state.list.push(message.user)
      }
      return [state, nothing]
    case "UsersEnd":
      return state.list === undefined
        ? [state, nothing]
        : [{ ...state, list: undefined, listingSince: undefined }, [{ _tag: "Listed", users: state.list }]]
    case "Found":
      return found(state, message.name, message.certificate)
    case "Released":
      return state.releasingSince === undefined
        ? [state, nothing]
        : [{ ...state, phase: "Over" }, [{ _tag: "Released" }]]
    case "Reflex":
      return state.reflexSince === undefined
        ? [state, nothing]
        : [{ ...state, reflexSince: undefined }, [{ _tag: "Reflexed", reflex: message }]]
    case "Error":
      return refused(state, message.code, message.about)
    case "Incoming":
    case "Pass":
    case "Ended":
    case "AskPort":
    case "AskNoPort":
    case "StartChat":
    case "StartRelayOnly":
      return [state, [{ _tag: "OfCall", line: message }]]
    default:
      return [state, nothing]
  }
}

/** Before the name is ours: the answers to HELLO and REGISTER. */
const introduced = (state: State, message: ServerLine.ServerLine, now: number): Step => {
  if (message._tag === "Error") {
    return [{ ...state, phase: "Over" }, [{ _tag: "NotRegistered", code: message.code }]]
  }
  if (state.phase === "Greeting" && message._tag === "Hello") {
    return [{ ...state, phase: "Registering", since: now, sentAt: now }, [send(state.register)]]
  }
  return state.phase === "Registering" && message._tag === "Registered" && message.name === state.register.name
    ? [{ ...state, phase: "Registered" }, [{ _tag: "Registered" }]]
    : [state, nothing]
}

const isSame = (a: Who.Who, b: Who.Who): boolean => Who.encode(a) === Who.encode(b)

/**
 * The answer to the first question there is, if it is one. Asked for an id the server may show whatever certificate it
 * likes: that it is another's is for the calls to say, as loud as it has to be said.
 */
const found = (state: State, name: PersonName, certificate: Uint8Array): Step => {
  const [first, ...lookUps] = state.lookUps
  if (first === undefined) return [state, nothing]
  const { who, asker } = first
  const isAnswer = who._tag === "Id" || who.name === name
  return isAnswer ? [{ ...state, lookUps }, [{ _tag: "Found", who, asker, name, certificate }]] : [state, nothing]
}

/** What may answer REFLEX: it is served by none, or not known. */
const reflexRefusals: ReadonlySet<string> = new Set(["Unavailable", "Operation_unknown", "Malformed"])

const refused = (state: State, code: string, about: Option.Option<Who.Who>): Step => {
  if (code === "Replaced") return lose(state, "Replaced")
  if (code === "Relay_refused") return [state, [{ _tag: "RelayRefused" }]]
  const [first, ...lookUps] = state.lookUps
  if (first !== undefined && Option.isSome(about) && isSame(about.value, first.who)) {
    return [{ ...state, lookUps }, [{ _tag: "NotFound", who: first.who, asker: first.asker }]]
  }
  if (state.reflexSince !== undefined && reflexRefusals.has(code)) {
    return [{ ...state, reflexSince: undefined }, [{ _tag: "NotReflexed", code }]]
  }
  return [state, nothing]
}

// Time.

const due = (state: State, now: number): Step => {
  if (state.phase !== "Registered") {
    return now >= state.since + answerMillis ? lose(state, "Silent") : [state, nothing]
  }
  if (now >= Math.min(answersEndAt(state), state.heardAt + silenceMillis)) return lose(state, "Silent")
  if (now >= reflexEndsAt(state)) {
    return [{ ...state, reflexSince: undefined }, [{ _tag: "NotReflexed", code: "No_answer" }]]
  }
  return now >= state.sentAt + pingMillis ? [{ ...state, sentAt: now }, [send({ _tag: "Ping" })]] : [state, nothing]
}
