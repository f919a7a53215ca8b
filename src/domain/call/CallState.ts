/**
 * The calls of one link to a server as the state machine `Calls` keeps them.
 *
 * ```
 * we call     Dialling ── certificate ──▶ Calling ── M2 ──▶ Confirming ── M4 ─────────────────┐
 *              LOOKUP                      CHAT               M3                              ▼
 * we are                                                                                   Agreed ──▶ Gone
 * called      Answered ── M3 ──▶ (Spending) ──▶ Ringing ── Accept, wanted, or resuming ───────▲
 *              M2                 invitation                  M4, ACCEPT
 * ```
 */
import * as Bytes from "../crypto/Bytes.ts"
import type * as TokenBucket from "../TokenBucket.ts"
import type { PersonId } from "../identity/PersonId.ts"
import type { EndCode } from "../nomitm1/ClientLine.ts"
import type * as Who from "../nomitm1/Who.ts"
import type { Action, Event } from "./CallEvent.ts"
import type * as CallHandshake from "./CallHandshake.ts"
import type { ChatKeys } from "./ChatKeys.ts"
import type { LinkChannel, LinkMessage } from "./LinkChannel.ts"

/** How long each phase may last, in milliseconds. */
export const lookupMillis = 10_000
/** An answer comes at once or not at all: M2, and the M3 to it. */
export const handshakeMillis = 15_000
export const spendingMillis = 10_000
export const ringMillis = 60_000
/** For M4: as long as it may ring, and a while for the way. */
export const confirmMillis = 65_000

/** How many calls of others there are at most that are not agreed on. */
export const maxIncoming = 8
/** How many calls are agreed on at most, as at the server; one more, and the oldest is over. */
export const maxAgreed = 16
/** How many port numbers are tried for a call at most. */
export const maxPorts = 20
/** How many calls that are over are remembered, so that their messages don't begin anew. */
const maxOver = 64

interface Common {
  readonly callId: Uint8Array
  /** When the phase has lasted too long, in milliseconds. */
  readonly until: number
  /** 16 bytes; none without an invitation. */
  readonly inviteId: Uint8Array | undefined
  /** The chat that goes on, 16 bytes; none if somebody wants to talk. */
  readonly resumes: Uint8Array | undefined
}

/** LOOKUP was sent. */
export interface Dialling extends Common {
  readonly _tag: "Dialling"
  readonly who: Who.Who
  /** Whose certificate it must be, where we know. */
  readonly expected: PersonId | undefined
  readonly psk: Uint8Array | undefined
  readonly entropy: CallHandshake.CallerEntropy
  /** A call from somebody of the name that is looked up, who would be turned away if it were not them. It waits. */
  readonly early?: Extract<Event, { readonly _tag: "Incoming" }> | undefined
}

/** M1 was sent. */
export interface Calling extends Common {
  readonly _tag: "Calling"
  readonly handshake: CallHandshake.Calling
}

interface Keyed extends Common {
  readonly keys: ChatKeys
  readonly link: LinkChannel
}

/** M3 was sent: it may ring there. */
export interface Confirming extends Keyed {
  readonly _tag: "Confirming"
}

/** A call of somebody else. */
export interface Called extends Keyed {
  /** `Answered`: M2 was sent. `Spending`: M3 came, and the invitation is being noted as used. `Ringing`: it rings. */
  readonly _tag: "Answered" | "Spending" | "Ringing"
  readonly dialled: Who.Who
  /** The person need not be asked. */
  readonly welcome: boolean
  /** The person knows of it: it rings, or is the answer to a call of ours. */
  readonly known: boolean
}

/** M4 was sent or verified. */
export interface Agreed extends Keyed {
  readonly _tag: "Agreed"
  readonly ports: number
  readonly started: boolean
  /** How many messages the server would still take. */
  readonly budget: TokenBucket.State
  /** The last message that has to wait for that; `until` is when it goes out. */
  readonly waiting: LinkMessage | undefined
}

export type Call = Dialling | Calling | Confirming | Called | Agreed

export interface State {
  /** By the callId in text. */
  readonly calls: ReadonlyMap<string, Call>
  /** CallIds in text, the oldest first. */
  readonly over: ReadonlyArray<string>
}

export type Step = readonly [State, ReadonlyArray<Action>]

export const initial: State = { calls: new Map(), over: [] }
export const nothing: ReadonlyArray<Action> = []

export const keyOf = Bytes.toBase64Url

export const find = (state: State, callId: Uint8Array): Call | undefined => state.calls.get(keyOf(callId))

/** There is such a call, or there was. */
export const isTaken = (state: State, callId: Uint8Array): boolean =>
  state.calls.has(keyOf(callId)) || state.over.includes(keyOf(callId))

export const put = (state: State, call: Call): State => ({
  ...state,
  calls: new Map(state.calls).set(keyOf(call.callId), call),
})

/** The call is over: what still comes of it is ignored. */
export const close = (state: State, callId: Uint8Array): State => {
  const key = keyOf(callId)
  const calls = new Map(state.calls)
  calls.delete(key)
  return { ...state, calls, over: [...state.over, key].slice(-maxOver) }
}

export const isOutgoing = (call: Call): call is Dialling | Calling | Confirming =>
  call._tag === "Dialling" || call._tag === "Calling" || call._tag === "Confirming"

export const isCalled = (call: Call): call is Called =>
  call._tag === "Answered" || call._tag === "Spending" || call._tag === "Ringing"

/** Whether two calls are for the same: both for a person, or both for the chat that goes on. */
export const isAlike = (one: Uint8Array | undefined, other: Uint8Array | undefined): boolean =>
  one === undefined || other === undefined ? one === other : Bytes.equals(one, other)

/** The one call of our person; or the one of our program that a chat goes on. */
export const outgoing = (state: State, resumes?: Uint8Array): Dialling | Calling | Confirming | undefined =>
  [...state.calls.values()].filter(isOutgoing).find((call) => isAlike(call.resumes, resumes))

/** Who is at the other end, as far as it is known. */
export const peerId = (call: Call): PersonId | undefined => {
  switch (call._tag) {
    case "Dialling":
      return call.expected
    case "Calling":
      return call.handshake.callee.id
    default:
      return call.keys.peer.id
  }
}

/** What is told of the end of a call, to who waits for it. */
export const ending = (
  call: Call,
  code: string,
  more: Partial<Pick<Extract<Action, { _tag: "CallFailed" }>, "byUs" | "change">> = {},
): ReadonlyArray<Action> => {
  if (call._tag === "Agreed") return [{ _tag: "Gone", callId: call.callId, code }]
  return isCalled(call) && !call.known ? nothing : [failed(call.callId, code, more)]
}

export const end = (callId: Uint8Array, code: EndCode): Action => ({
  _tag: "Send",
  line: { _tag: "End", callId, code },
})

export const pass = (callId: Uint8Array, data: Uint8Array): Action => ({
  _tag: "Send",
  line: { _tag: "Pass", callId, data },
})

export const failed = (
  callId: Uint8Array,
  code: string,
  { byUs = false, change }: Partial<Pick<Extract<Action, { _tag: "CallFailed" }>, "byUs" | "change">> = {},
): Action => ({ _tag: "CallFailed", callId, code, byUs, change })

/** Who called while they were looked up hears that it comes to nothing. */
export const declineEarly = (state: State, call: Call): Step => {
  const early = call._tag === "Dialling" ? call.early : undefined
  return early === undefined ? [state, nothing] : [close(state, early.callId), [end(early.callId, "Declined")]]
}

/** Who called while they were looked up has given up. */
export const forgetEarly = (state: State, callId: Uint8Array): State => {
  const ours = outgoing(state)
  if (ours?._tag !== "Dialling" || ours.early === undefined || keyOf(ours.early.callId) !== keyOf(callId)) return state
  return close(put(state, { ...ours, early: undefined }), callId)
}

/** Ends a call: the server is told with `code` if it knows the call, the person with `reason` if it waits for it. */
export const hangUp = (before: State, call: Call, code: EndCode, reason: string, byUs = false): Step => {
  const [state, declined] = declineEarly(close(before, call.callId), call)
  const actions = [
    ...declined,
    ...(call._tag === "Dialling" ? [] : [end(call.callId, code)]),
    ...ending(call, reason, { byUs }),
  ]
  return [state, actions]
}
