/**
 * All calls at a server, as a pure state machine (PROTOCOL.md, section 14.2).
 *
 * ```
 *          CHAT                ACCEPT by the callee          a port is found
 *   nothing ──▶ Ringing ─────────────────▶ Negotiating ─────────────────▶ Started ──▶ forgotten after 60 s
 *                  │ END, a side leaves, 75 s   │ END, a side leaves, no port │ END, a side leaves
 *                  └───────────▶ forgotten ◀────┴───────────────────────────-─┘
 * ```
 *
 * What is said about a call by somebody who has no part in it, or about one that is not there, is ignored: a callId is
 * known to both sides only, and is no right.
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import * as Base64Field from "./Base64Field.ts"
import * as CallRate from "./CallRate.ts"
import type { EndCode } from "./ClientLine.ts"
import type { ServerMessage } from "./ServerLine.ts"
import type { Port } from "../Endpoint.ts"
import type { ErrorCode } from "../ErrorCode.ts"
import type { PersonId } from "../identity/PersonId.ts"
import type { PersonName } from "../PersonName.ts"
import type { ServerEvent } from "../ServerEvent.ts"

/** How many calls of a caller, and to a callee, may wait for an answer or a port. */
export const maxAsCaller = 4
export const maxAsCallee = 8
/** How often somebody calls in a minute, on whatever connections. */
export const maxCallsPerMinute = 10
/** How often somebody is called in a minute, by whomever. More is declined: nobody is rung out of the server. */
export const maxRingsPerMinute = 60
/** How long the callee may take to accept, in milliseconds. */
export const ringMillis = 75_000
/** How long what is said about a call is still passed on when both were told to start, in milliseconds. */
export const startedMillis = 60_000
/** What each side may hand to the other in a call. */
export const maxPasses = 64
export const maxPassedBytes = 64 * 1024

/** A connection with a name, as far as calls are concerned. */
export interface Party {
  /** Of the connection: no two have the same, ever. */
  readonly number: number
  readonly name: PersonName
  readonly id: PersonId
  /** Where the other side will send to: the address at which the server sees it. */
  readonly address: string
}

type Side = "caller" | "callee"

interface Passed {
  readonly count: number
  readonly bytes: number
}

interface Call {
  readonly callId: Uint8Array
  readonly caller: Party
  readonly callee: Party
  readonly phase: "Ringing" | "Negotiating" | "Started"
  /** What each side has handed to the other. */
  readonly passed: { readonly [side in Side]: Passed }
}

/** The calls a connection has a part in, by their keys. */
type Parts = ReadonlyArray<string>

export interface State {
  readonly calls: HashMap.HashMap<string, Call>
  readonly parts: HashMap.HashMap<number, Parts>
  /** Of callers and of callees. Kept beyond the connection: reconnecting makes nobody faster. */
  readonly calling: HashMap.HashMap<PersonId, CallRate.CallRate>
  readonly ringing: HashMap.HashMap<PersonId, CallRate.CallRate>
  /** When rates that are over were last thrown away. */
  readonly sweptAt: number
}

/** `from` is always the number of a connection. */
export type Event =
  | {
      readonly _tag: "Chat"
      readonly caller: Party
      /** Nobody if the one called is not online. */
      readonly callee: Party | undefined
      readonly callId: Uint8Array
      readonly callerHash: Uint8Array
      readonly m1: Uint8Array
      /** Milliseconds. */
      readonly now: number
    }
  | { readonly _tag: "Pass"; readonly from: number; readonly callId: Uint8Array; readonly data: Uint8Array }
  | { readonly _tag: "Accept"; readonly from: number; readonly callId: Uint8Array }
  | { readonly _tag: "End"; readonly from: number; readonly callId: Uint8Array; readonly code: EndCode }
  | { readonly _tag: "Answer"; readonly from: number; readonly callId: Uint8Array; readonly free: boolean }
  /** The connection is over, or has no name any more. */
  | { readonly _tag: "Left"; readonly from: number }
  /** `key` as in the actions. */
  | { readonly _tag: "TimedOut"; readonly key: string }
  | { readonly _tag: "PortFound"; readonly key: string; readonly port: Port }
  | { readonly _tag: "NoPort"; readonly key: string; readonly code: ErrorCode }

export type Action =
  | { readonly _tag: "Tell"; readonly to: number; readonly message: ServerMessage }
  /** Raise `TimedOut` so much later, unless the call is set another time or forgotten before. */
  | { readonly _tag: "SetTimer"; readonly key: string; readonly millis: number }
  /** Find a port that is free on both sides, then raise `PortFound` or `NoPort`. */
  | { readonly _tag: "Negotiate"; readonly key: string; readonly call: Negotiation }
  /** An answer to the question about a port that one side was asked last. */
  | { readonly _tag: "Answered"; readonly key: string; readonly by: number; readonly free: boolean }
  /** Stop what goes on for this call. */
  | { readonly _tag: "Forget"; readonly key: string }
  | { readonly _tag: "Report"; readonly event: ServerEvent }

export interface Negotiation {
  readonly callId: Uint8Array
  readonly caller: Party
  readonly callee: Party
}

export const initial: State = {
  calls: HashMap.empty(),
  parts: HashMap.empty(),
  calling: HashMap.empty(),
  ringing: HashMap.empty(),
  sweptAt: 0,
}

type Step = readonly [State, ReadonlyArray<Action>]

export const step = (state: State, event: Event): Step => {
  switch (event._tag) {
    case "Chat":
      return chat(state, event)
    case "Pass":
      return pass(state, event)
    case "Accept": {
      const key = Base64Field.encode(event.callId)
      const call = find(state, key)
      if (call?.phase !== "Ringing" || call.callee.number !== event.from) return [state, []]
      return [
        { ...state, calls: HashMap.set(state.calls, key, { ...call, phase: "Negotiating" }) },
        // The negotiation has its own end.
        [
          { _tag: "Forget", key },
          { _tag: "Negotiate", key, call },
        ],
      ]
    }
    case "End": {
      const key = Base64Field.encode(event.callId)
      const call = find(state, key)
      const side = call === undefined ? undefined : sideOf(call, event.from)
      if (call === undefined || side === undefined) return [state, []]
      return end(state, key, call, [other(call, side)], event.code)
    }
    case "Answer": {
      const key = Base64Field.encode(event.callId)
      const call = find(state, key)
      if (call?.phase !== "Negotiating" || sideOf(call, event.from) === undefined) return [state, []]
      return [state, [{ _tag: "Answered", key, by: event.from, free: event.free }]]
    }
    case "Left":
      return left(state, event.from)
    case "TimedOut": {
      const call = find(state, event.key)
      if (call === undefined || call.phase === "Negotiating") return [state, []]
      return end(state, event.key, call, call.phase === "Started" ? [] : [call.caller, call.callee], "No_answer")
    }
    case "NoPort": {
      const call = find(state, event.key)
      return call?.phase === "Negotiating"
        ? end(state, event.key, call, [call.caller, call.callee], event.code)
        : [state, []]
    }
    case "PortFound":
      return portFound(state, event.key, event.port)
  }
}

const find = (state: State, key: string): Call | undefined => Option.getOrUndefined(HashMap.get(state.calls, key))

const sideOf = (call: Call, from: number): Side | undefined =>
  call.caller.number === from ? "caller" : call.callee.number === from ? "callee" : undefined

const other = (call: Call, side: Side): Party => (side === "caller" ? call.callee : call.caller)

/** The calls of a connection that wait for an answer or a port. */
const open = (state: State, of: number, side: Side): ReadonlyArray<Call> =>
  Option.getOrElse(HashMap.get(state.parts, of), (): Parts => []).flatMap((key) => {
    const call = find(state, key)
    return call !== undefined && call.phase !== "Started" && call[side].number === of ? [call] : []
  })

const rateOf = (rates: State["calling"], id: PersonId): CallRate.CallRate =>
  Option.getOrElse(HashMap.get(rates, id), () => CallRate.initial)

const chat = (state: State, event: Extract<Event, { readonly _tag: "Chat" }>): Step => {
  const { caller, callee, callId, callerHash, m1, now } = event
  const refuse = (code: ErrorCode): ReadonlyArray<Action> => [
    { _tag: "Tell", to: caller.number, message: { _tag: "Ended", callId, code } },
  ]
  if (callee === undefined) return [state, refuse("User_not_online")]
  if (callee.id === caller.id) return [state, refuse("Self_call")]
  const mine = open(state, caller.number, "caller")
  const theirs = open(state, callee.number, "callee")
  const isCalling =
    mine.some((call) => call.callee.id === callee.id) ||
    // A key has several names, and as many connections: they must not be all who can call somebody.
    theirs.some((call) => call.caller.id === caller.id)
  if (mine.length >= maxAsCaller || isCalling) return [state, refuse("Already_calling")]
  const calling = CallRate.take(rateOf(state.calling, caller.id), maxCallsPerMinute, now)
  if (calling === undefined) return [state, refuse("Too_fast")]
  const rung = counted(swept(state, now), caller.id, calling)
  const key = Base64Field.encode(callId)
  // From here on it counts as a call: otherwise it would show who is called by many, and be a way to try often.
  const ringing = CallRate.take(rateOf(state.ringing, callee.id), maxRingsPerMinute, now)
  if (ringing === undefined || theirs.length >= maxAsCallee) {
    return [rung, refuse("Declined")]
  }
  if (HashMap.has(state.calls, key)) return [rung, refuse("Malformed")]
  const nothing = { count: 0, bytes: 0 }
  const call: Call = { callId, caller, callee, phase: "Ringing", passed: { caller: nothing, callee: nothing } }
  return [
    {
      ...rung,
      ringing: HashMap.set(rung.ringing, callee.id, ringing),
      calls: HashMap.set(rung.calls, key, call),
      parts: addPart(addPart(rung.parts, caller.number, key), callee.number, key),
    },
    [
      { _tag: "Tell", to: callee.number, message: { _tag: "Incoming", callId, callerHash, m1 } },
      { _tag: "SetTimer", key, millis: ringMillis },
      { _tag: "Report", event: { event: "call", ...namesOf(call) } },
    ],
  ]
}

/** Hands data on. The caller may only answer: nobody's line is filled by somebody they have not reacted to. */
const pass = (state: State, { from, callId, data }: Extract<Event, { readonly _tag: "Pass" }>): Step => {
  const key = Base64Field.encode(callId)
  const call = find(state, key)
  const side = call === undefined ? undefined : sideOf(call, from)
  if (call === undefined || side === undefined) return [state, []]
  if (side === "caller" && call.passed.callee.count === 0) return [state, []]
  const passed = { count: call.passed[side].count + 1, bytes: call.passed[side].bytes + data.length }
  if (passed.count > maxPasses || passed.bytes > maxPassedBytes) {
    return end(state, key, call, [call.caller, call.callee], "Too_fast")
  }
  return [
    { ...state, calls: HashMap.set(state.calls, key, { ...call, passed: { ...call.passed, [side]: passed } }) },
    [{ _tag: "Tell", to: other(call, side).number, message: { _tag: "Pass", callId, data } }],
  ]
}

const portFound = (state: State, key: string, port: Port): Step => {
  const call = find(state, key)
  if (call?.phase !== "Negotiating") return [state, []]
  const start = (to: Party, who: Party): Action => ({
    _tag: "Tell",
    to: to.number,
    message: {
      _tag: "StartChat",
      endpoint: { address: who.address, port },
      name: who.name,
      callId: call.callId,
    },
  })
  return [
    { ...state, calls: HashMap.set(state.calls, key, { ...call, phase: "Started" }) },
    [
      start(call.caller, call.callee),
      start(call.callee, call.caller),
      { _tag: "SetTimer", key, millis: startedMillis },
      { _tag: "Report", event: { event: "chat", ...namesOf(call), port } },
    ],
  ]
}

const left = (state: State, from: number): Step => {
  let next = state
  const actions: Array<Action> = []
  for (const key of Option.getOrElse(HashMap.get(state.parts, from), (): Parts => [])) {
    const call = find(next, key)
    const side = call === undefined ? undefined : sideOf(call, from)
    if (call === undefined || side === undefined) continue
    // Two who were told to start need no server any more: that one loses it is no news to the other.
    const told = call.phase === "Started" ? [] : [other(call, side)]
    const [after, more] = end(next, key, call, told, "Peer_gone")
    next = after
    actions.push(...more)
  }
  return [next, actions]
}

/** The call is over and forgotten; `told` hear why. */
const end = (state: State, key: string, call: Call, told: ReadonlyArray<Party>, code: ErrorCode): Step => [
  {
    ...state,
    calls: HashMap.remove(state.calls, key),
    parts: removePart(removePart(state.parts, call.caller.number, key), call.callee.number, key),
  },
  [
    { _tag: "Forget", key },
    ...told.map(({ number }): Action => ({
      _tag: "Tell",
      to: number,
      message: { _tag: "Ended", callId: call.callId, code },
    })),
    ...(call.phase === "Started"
      ? []
      : [{ _tag: "Report" as const, event: { event: "failed" as const, ...namesOf(call), code } }]),
  ],
]

const namesOf = ({ caller, callee }: Call) => ({ from: caller.name, to: callee.name })

const addPart = (parts: State["parts"], of: number, key: string): State["parts"] =>
  HashMap.set(parts, of, [...Option.getOrElse(HashMap.get(parts, of), (): Parts => []), key])

const removePart = (parts: State["parts"], of: number, key: string): State["parts"] => {
  const left = Option.getOrElse(HashMap.get(parts, of), (): Parts => []).filter((part) => part !== key)
  return left.length === 0 ? HashMap.remove(parts, of) : HashMap.set(parts, of, left)
}

/** Without the rates that are over: they are looked through at most once in a window. */
const swept = (state: State, now: number): State =>
  now - state.sweptAt < CallRate.windowMillis
    ? state
    : {
        ...state,
        sweptAt: now,
        calling: HashMap.filter(state.calling, (rate) => !CallRate.isOver(rate, now)),
        ringing: HashMap.filter(state.ringing, (rate) => !CallRate.isOver(rate, now)),
      }

const counted = (state: State, caller: PersonId, calling: CallRate.CallRate): State => ({
  ...state,
  calling: HashMap.set(state.calling, caller, calling),
})
