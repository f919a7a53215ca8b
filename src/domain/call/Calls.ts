/**
 * All calls of one link to a server, ours and others', as a pure state machine (PROTOCOL.md, sections 14.2 and 15).
 *
 * The phases are drawn in `CallState`, events and actions told in `CallEvent`. What the server hands over is believed only
 * as far as the handshake proves it: a message that does not open changes nothing, and no port is tried and no chat begun
 * before both people have said yes to each other in a way that no server can make up.
 *
 * Of each callId that is dialled, rings or is established, exactly one of these is told at last: `Start`, `CallFailed`,
 * `Merged`.
 *
 * @example
 *     const [next, actions] = Calls.step(config, state, { _tag: "Dial", who, entropy }, { now, seconds })
 */
import * as LinkChannel from "./LinkChannel.ts"
import { isUnicast, type Endpoint, type Port } from "../Endpoint.ts"
import type { Action, Config, Event, Time } from "./CallEvent.ts"
import * as CallState from "./CallState.ts"
import type { Call, State, Step } from "./CallState.ts"
import * as IncomingCall from "./IncomingCall.ts"
import * as OutgoingCall from "./OutgoingCall.ts"

export type { Action, CallerInfo, Config, Event, KeyChange, RefusedCode, Time, Welcome } from "./CallEvent.ts"
export type { State, Step } from "./CallState.ts"

/** A link with no calls. */
export const initial: State = CallState.initial

const { nothing } = CallState

/** When `Due` is to be told, in milliseconds of the same clock as `Time.now`; `Infinity` if never. */
export const dueAt = (state: State): number =>
  Math.min(...[...state.calls.values()].map(({ until }) => until), Infinity)

export const step = (config: Config, state: State, event: Event, time: Time): Step => {
  switch (event._tag) {
    case "Dial":
      return OutgoingCall.dial(config, state, event, time)
    case "Found":
      return OutgoingCall.found(config, state, event, time)
    case "NotFound":
      return OutgoingCall.notFound(state, event.who, event.code)
    case "Incoming":
      return IncomingCall.incoming(config, state, event, time)
    case "Due":
      return due(state, time.now)
    case "LinkLost":
      return linkLost(state)
  }
  const call = CallState.find(state, event.callId)
  if (call === undefined) {
    return [event._tag === "Ended" ? CallState.forgetEarly(state, event.callId) : state, nothing]
  }
  switch (event._tag) {
    case "Passed":
      return passed(config, state, call, event.data, time)
    case "Ended":
      return [
        CallState.close(state, call.callId),
        CallState.isKnown(call) ? [CallState.failed(call.callId, event.code)] : nothing,
      ]
    case "AskedPort":
      return askedPort(state, call, event.port)
    case "StartChat":
      return startChat(state, call, event.endpoint, time)
    case "Accept":
      return call._tag === "Ringing" ? IncomingCall.accept(config, state, call, time) : [state, nothing]
    case "Decline":
      return CallState.isCalled(call) ? CallState.hangUp(state, call, "Declined", "Declined", true) : [state, nothing]
    case "Cancel":
      return cancel(state, call)
    case "InvitationUsed":
      return CallState.isCalled(call)
        ? IncomingCall.invitationUsed(config, state, call, event.ok, time)
        : [state, nothing]
  }
}

const passed = (config: Config, state: State, call: Call, data: Uint8Array, time: Time): Step => {
  if (CallState.isOutgoing(call)) return OutgoingCall.passed(config, state, call, data, time)
  if (CallState.isCalled(call)) return IncomingCall.passed(config, state, call, data, time)
  // What comes after M4 is kept for later versions: read, so that the next one is known, and ignored.
  const opened = LinkChannel.open(config.primitives, call.link, data)
  return [opened === undefined ? state : CallState.put(state, { ...call, link: opened.channel }), nothing]
}

/** What a side that gives up says to the other one. */
const cancel = (state: State, call: Call): Step => {
  if (CallState.isCalled(call)) return CallState.hangUp(state, call, "Declined", "Declined", true)
  const isOurs = call._tag !== "Agreed" || call.keys.isInitiator
  return CallState.hangUp(state, call, isOurs ? "Cancelled" : "Failed", "Cancelled", true)
}

/** No port is tried for a call that is not agreed: the numbers that a peer has free are nobody else's business. */
const askedPort = (state: State, call: Call, port: Port | undefined): Step => {
  if (call._tag !== "Agreed" || call.started || call.ports >= CallState.maxPorts) return [state, nothing]
  const { callId } = call
  const action: Action =
    port === undefined ? { _tag: "Send", line: { _tag: "PortTaken", callId } } : { _tag: "TryPort", callId, port }
  return [CallState.put(state, { ...call, ports: call.ports + 1 }), [action]]
}

const startChat = (state: State, call: Call, endpoint: Endpoint, time: Time): Step => {
  // A server must not make us send to many, or to nobody.
  if (call._tag !== "Agreed" || call.started || !isUnicast(endpoint.address)) return [state, nothing]
  const { callId, keys } = call
  return [
    CallState.put(state, { ...call, started: true, until: time.now + CallState.startedMillis }),
    [{ _tag: "Start", callId, endpoint, keys }],
  ]
}

const due = (before: State, now: number): Step => {
  let state = before
  const actions: Array<Action> = []
  for (const call of before.calls.values()) {
    if (now < call.until) continue
    const [next, more] = timeOut(state, call)
    state = next
    actions.push(...more)
  }
  return [state, actions]
}

const timeOut = (state: State, call: Call): Step => {
  switch (call._tag) {
    case "Dialling":
    case "Calling":
    case "Confirming":
      return CallState.hangUp(state, call, "Cancelled", "No_answer")
    case "Ringing":
      return CallState.hangUp(state, call, "Declined", "No_answer")
    case "Answered":
    case "Spending":
    case "Agreed":
      return CallState.hangUp(state, call, "Failed", "No_answer")
  }
}

/** All calls of the link are over; chats that have begun do not notice. */
const linkLost = (state: State): Step => [
  CallState.initial,
  [...state.calls.values()].filter(CallState.isKnown).map(({ callId }) => CallState.failed(callId, "Server_lost")),
]
