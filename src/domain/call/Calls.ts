/**
 * All calls of one link to a server, ours and others', as a pure state machine (PROTOCOL.md, sections 14.2 and 15).
 *
 * The phases are drawn in `CallState`, events and actions told in `CallEvent`. What the server hands over is believed only
 * as far as the handshake proves it: a message that does not open changes nothing, and no port is tried and no chat begun
 * before both people have said yes to each other in a way that no server can make up.
 *
 * Of each callId that is dialled or rings, exactly one of these is told at last: `Established`, `CallFailed`, `Merged`.
 * Of each that is established, exactly one `Gone` is told at last, at most one `Start` before it, and nothing after it.
 *
 * @example
 *     const [next, actions] = Calls.step(config, state, { _tag: "Dial", who, entropy }, { now, seconds })
 */
import * as AgreedCall from "./AgreedCall.ts"
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
    case "Incoming":
      return IncomingCall.incoming(config, state, event, time)
    case "Due":
      return due(config, state, time.now)
    case "LinkLost":
      return linkLost(state)
  }
  const call = CallState.find(state, event.callId)
  if (call === undefined) {
    return [event._tag === "Ended" ? CallState.forgetEarly(state, event.callId) : state, nothing]
  }
  switch (event._tag) {
    case "Found":
      return call._tag === "Dialling" ? OutgoingCall.found(config, state, call, event, time) : [state, nothing]
    case "NotFound":
      return call._tag === "Dialling" ? OutgoingCall.notFound(state, call, event.code) : [state, nothing]
    case "Passed":
      return passed(config, state, call, event.data, time)
    case "Ended":
      return [CallState.close(state, call.callId), CallState.ending(call, saidByServer(event.code))]
    // No port is tried for a call that is not agreed: the numbers that a peer has free are nobody else's business.
    case "AskedPort":
      return call._tag === "Agreed" ? AgreedCall.askedPort(config, state, call, event.port) : [state, nothing]
    case "StartChat":
      return call._tag === "Agreed" ? AgreedCall.startChat(config, state, call, event.endpoint) : [state, nothing]
    case "Tell":
      return call._tag === "Agreed" ? AgreedCall.tell(config, state, call, event.message, time.now) : [state, nothing]
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

/** That a chat is unknown ends it for good: only the other side's own sealed message says so, and no server. */
const saidByServer = (code: string): string => (code === "No_such_chat" ? "Failed" : code)

const passed = (config: Config, state: State, call: Call, data: Uint8Array, time: Time): Step => {
  if (CallState.isOutgoing(call)) return OutgoingCall.passed(config, state, call, data, time)
  if (CallState.isCalled(call)) return IncomingCall.passed(config, state, call, data, time)
  return AgreedCall.passed(config, state, call, data)
}

/** What a side that gives up says to the other one. */
const cancel = (state: State, call: Call): Step => {
  if (CallState.isCalled(call)) return CallState.hangUp(state, call, "Declined", "Declined", true)
  return CallState.hangUp(state, call, call._tag === "Agreed" ? "Failed" : "Cancelled", "Cancelled", true)
}

const due = (config: Config, before: State, now: number): Step => {
  let state = before
  const actions: Array<Action> = []
  for (const call of before.calls.values()) {
    if (now < call.until) continue
    const [next, more] = timeOut(config, state, call, now)
    state = next
    actions.push(...more)
  }
  return [state, actions]
}

const timeOut = (config: Config, state: State, call: Call, now: number): Step => {
  switch (call._tag) {
    case "Dialling":
    case "Calling":
    case "Confirming":
      return CallState.hangUp(state, call, "Cancelled", "No_answer")
    case "Ringing":
      return CallState.hangUp(state, call, "Declined", "No_answer")
    case "Answered":
    case "Spending":
      return CallState.hangUp(state, call, "Failed", "No_answer")
    case "Agreed":
      return AgreedCall.due(config, state, call, now)
  }
}

/** All calls of the link are over; chats that have begun do not notice. */
const linkLost = (state: State): Step => [
  CallState.initial,
  [...state.calls.values()].flatMap((call) => CallState.ending(call, "Server_lost")),
]
