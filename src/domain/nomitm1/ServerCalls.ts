/**
 * All calls at a server, as a pure state machine (PROTOCOL.md, section 14.2).
 *
 * ```
 *          CHAT                ACCEPT by the callee          a port is found, or none
 *   nothing ──▶ Ringing ─────────────────▶ Negotiating ─────────────────────────▶ Started
 *                  │ END, a side leaves, 75 s   │ END, a side leaves                │ END, a side leaves, 24 h,
 *                  │                            │                                   │ a newer call in its place
 *                  └───────────▶ forgotten ◀────┴───────────────────────────────────┘
 * ```
 *
 * From ACCEPT on records are relayed: a chat that finds no path has that one, as long as its call is known here. Where
 * nothing is relayed, a call without a port comes to nothing.
 *
 * What is said about a call by somebody who has no part in it, or about one that is not there, is ignored: a callId is
 * known to both sides only, and is no right.
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import * as Base64Field from "./Base64Field.ts"
import * as CallRate from "./CallRate.ts"
import * as PassQuota from "./PassQuota.ts"
import type { Action, Event, Party, Relayed } from "./ServerCallEvent.ts"
import type { ServerMessage } from "./ServerLine.ts"
import type { Port } from "../Endpoint.ts"
import type { ErrorCode } from "../ErrorCode.ts"
import type { PersonId } from "../identity/PersonId.ts"

export type { Action, Event, Negotiation, Party, Relayed } from "./ServerCallEvent.ts"

/** How many calls of a caller, and to a callee, may wait for an answer or a port. */
export const maxAsCaller = 4
export const maxAsCallee = 8
/** How often somebody calls in a minute, on whatever connections. */
export const maxCallsPerMinute = 10
/** How often somebody is called in a minute, by whomever. More is declined: nobody is rung out of the server. */
export const maxRingsPerMinute = 60
/** How long the callee may take to accept, in milliseconds. */
export const ringMillis = 75_000
/** How many calls of one connection may have started. */
export const maxStarted = 16
/** How long after both were told to start a call is known, in milliseconds. */
export const startedMillis = 24 * 3_600_000

type Side = "caller" | "callee"

interface Call {
  readonly callId: Uint8Array
  readonly caller: Party
  readonly callee: Party
  readonly phase: "Ringing" | "Negotiating" | "Started"
  /** Whether the callee has handed something to the caller: before that the caller may not. */
  readonly isAnswered: boolean
  /** What each side may still hand to the other. */
  readonly quota: { readonly [side in Side]: PassQuota.PassQuota }
  /** Who has been told that nothing is relayed. */
  readonly refused: ReadonlyArray<Side>
}

/** The calls a connection has a part in, by their keys: those that started last are last. */
type Parts = ReadonlyArray<string>

export interface State {
  /** Whether records are relayed. */
  readonly relays: boolean
  readonly calls: HashMap.HashMap<string, Call>
  readonly parts: HashMap.HashMap<number, Parts>
  /** Of callers and of callees. Kept beyond the connection: reconnecting makes nobody faster. */
  readonly calling: HashMap.HashMap<PersonId, CallRate.CallRate>
  readonly ringing: HashMap.HashMap<PersonId, CallRate.CallRate>
  /** When rates that are over were last thrown away. */
  readonly sweptAt: number
}

/** @param relays whether records are relayed */
export const initial = (relays: boolean): State => ({
  relays,
  calls: HashMap.empty(),
  parts: HashMap.empty(),
  calling: HashMap.empty(),
  ringing: HashMap.empty(),
  sweptAt: 0,
})

type Step = readonly [State, ReadonlyArray<Action>]

export const step = (state: State, event: Event): Step => {
  switch (event._tag) {
    case "Chat":
      return chat(state, event)
    case "Pass":
      return pass(state, event)
    case "Relay":
      return relay(state, event)
    case "Accept":
      return accept(state, event.callId, event.from)
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
    case "NoPortWanted": {
      const key = Base64Field.encode(event.callId)
      const call = find(state, key)
      if (call?.phase !== "Negotiating" || sideOf(call, event.from) === undefined) return [state, []]
      const [next, actions] = withoutPort(state, key, call, "Relay_refused")
      // The question that is open is nobody's any more.
      return [next, [{ _tag: "Forget", key }, ...actions]]
    }
    case "Left":
      return left(state, event.from)
    case "TimedOut": {
      const call = find(state, event.key)
      if (call === undefined || call.phase === "Negotiating") return [state, []]
      return end(
        state,
        event.key,
        call,
        [call.caller, call.callee],
        call.phase === "Started" ? "Peer_gone" : "No_answer",
      )
    }
    case "NoPort": {
      const call = find(state, event.key)
      return call?.phase === "Negotiating" ? withoutPort(state, event.key, call, event.code) : [state, []]
    }
    case "PortFound": {
      const call = find(state, event.key)
      return call?.phase === "Negotiating" ? start(state, event.key, call, event.port) : [state, []]
    }
  }
}

const find = (state: State, key: string): Call | undefined => Option.getOrUndefined(HashMap.get(state.calls, key))

const sideOf = (call: Call, from: number): Side | undefined =>
  call.caller.number === from ? "caller" : call.callee.number === from ? "callee" : undefined

const other = (call: Call, side: Side): Party => (side === "caller" ? call.callee : call.caller)

const callsOf = (state: State, of: number): ReadonlyArray<Call> =>
  Option.getOrElse(HashMap.get(state.parts, of), (): Parts => []).flatMap((key) => find(state, key) ?? [])

/** The calls of a connection that wait for an answer or a port. */
const open = (state: State, of: number, side: Side): ReadonlyArray<Call> =>
  callsOf(state, of).filter((call) => call.phase !== "Started" && call[side].number === of)

/** Those that have started, oldest first. */
const started = (state: State, of: number): ReadonlyArray<Call> =>
  callsOf(state, of).filter(({ phase }) => phase === "Started")

const withCall = (state: State, key: string, call: Call): State => ({
  ...state,
  calls: HashMap.set(state.calls, key, call),
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
  const full = PassQuota.initial(now)
  const quota = { caller: full, callee: full }
  const call: Call = { callId, caller, callee, phase: "Ringing", isAnswered: false, quota, refused: [] }
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
const pass = (state: State, { from, callId, data, now }: Extract<Event, { readonly _tag: "Pass" }>): Step => {
  const key = Base64Field.encode(callId)
  const call = find(state, key)
  const side = call === undefined ? undefined : sideOf(call, from)
  if (call === undefined || side === undefined) return [state, []]
  if (side === "caller" && !call.isAnswered) return [state, []]
  const left = PassQuota.take(call.quota[side], data.length, now)
  if (left === undefined) {
    // Two who chat go on: they have better ways than this one.
    return call.phase === "Started" ? [state, []] : end(state, key, call, [call.caller, call.callee], "Too_fast")
  }
  return [
    withCall(state, key, { ...call, isAnswered: true, quota: { ...call.quota, [side]: left } }),
    [{ _tag: "Tell", to: other(call, side).number, message: { _tag: "Pass", callId, data } }],
  ]
}

/** Hands a record on, unread, from the moment both want the chat. Who has no use for that is told so once. */
const relay = (state: State, { from, callId, record }: Extract<Event, { readonly _tag: "Relay" }>): Step => {
  const key = Base64Field.encode(callId)
  const call = find(state, key)
  const side = call === undefined ? undefined : sideOf(call, from)
  if (call === undefined || side === undefined || call.phase === "Ringing") return [state, []]
  if (state.relays) {
    const message: Relayed = { _tag: "Relay", callId, record }
    return [state, [{ _tag: "Carry", by: call[side].id, to: other(call, side).number, message }]]
  }
  if (call.refused.includes(side)) return [state, []]
  return [
    withCall(state, key, { ...call, refused: [...call.refused, side] }),
    [{ _tag: "Tell", to: from, message: { _tag: "Error", code: "Relay_refused", about: Option.none() } }],
  ]
}

const accept = (state: State, callId: Uint8Array, from: number): Step => {
  const key = Base64Field.encode(callId)
  const call = find(state, key)
  if (call?.phase !== "Ringing" || call.callee.number !== from) return [state, []]
  // What two people say goes through the last call that they agreed on.
  const ids = new Set([call.caller.id, call.callee.id])
  const isOlder = ({ caller, callee, phase }: Call) => phase !== "Ringing" && ids.has(caller.id) && ids.has(callee.id)
  const older = [call.caller, call.callee].flatMap(({ number }) => callsOf(state, number).filter(isOlder))
  const [next, replaced] = replace(state, older)
  return [
    withCall(next, key, { ...call, phase: "Negotiating" }),
    // The negotiation has its own end.
    [...replaced, { _tag: "Forget", key }, { _tag: "Negotiate", key, call }],
  ]
}

/** Both are told to start. Who has many chats loses what the server does for the oldest one. */
const start = (state: State, key: string, call: Call, port: Port | undefined): Step => {
  const tell = (to: Party, { address, name }: Party): Action => {
    const { callId } = call
    const message: ServerMessage =
      port === undefined
        ? { _tag: "StartRelayOnly", name, callId }
        : { _tag: "StartChat", endpoint: { address, port }, name, callId }
    return { _tag: "Tell", to: to.number, message }
  }
  const { caller, callee } = call
  const sides = [caller.number, callee.number]
  const parts = sides.reduce((parts, of) => addPart(removePart(parts, of, key), of, key), state.parts)
  const next = withCall({ ...state, parts }, key, { ...call, phase: "Started" })
  const [kept, replaced] = replace(
    next,
    sides.flatMap((of) => started(next, of).slice(0, -maxStarted)),
  )
  return [
    kept,
    [
      ...replaced,
      tell(caller, callee),
      tell(callee, caller),
      { _tag: "SetTimer", key, millis: startedMillis },
      { _tag: "Report", event: { event: "chat", ...namesOf(call), ...(port === undefined ? {} : { port }) } },
    ],
  ]
}

/** There is no port for them: the relay is left, or nothing. */
const withoutPort = (state: State, key: string, call: Call, code: ErrorCode): Step =>
  state.relays ? start(state, key, call, undefined) : end(state, key, call, [call.caller, call.callee], code)

/** Newer calls take the place of these, which may be named twice. */
const replace = (state: State, calls: ReadonlyArray<Call>): Step => {
  let next = state
  const actions: Array<Action> = []
  for (const call of new Set(calls)) {
    const [after, more] = end(next, Base64Field.encode(call.callId), call, [call.caller, call.callee], "Replaced")
    next = after
    actions.push(...more)
  }
  return [next, actions]
}

const left = (state: State, from: number): Step => {
  let next = state
  const actions: Array<Action> = []
  for (const key of Option.getOrElse(HashMap.get(state.parts, from), (): Parts => [])) {
    const call = find(next, key)
    const side = call === undefined ? undefined : sideOf(call, from)
    if (call === undefined || side === undefined) continue
    // Two who have started may chat on without a server: it says only that nothing goes through this one any more.
    const [after, more] = end(next, key, call, [other(call, side)], "Peer_gone")
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
