/**
 * Our own call, from LOOKUP to M4: the caller's part of `Calls`.
 */
import * as Result from "effect/Result"
import * as Certificate from "../identity/Certificate.ts"
import * as AgreedCall from "./AgreedCall.ts"
import type { Config, Event, Time } from "./CallEvent.ts"
import * as CallHandshake from "./CallHandshake.ts"
import * as CallState from "./CallState.ts"
import type { Calling, Confirming, Dialling, State, Step } from "./CallState.ts"
import * as IncomingCall from "./IncomingCall.ts"
import * as Invitation from "./Invitation.ts"
import * as LinkChannel from "./LinkChannel.ts"

const { nothing } = CallState

export const dial = (
  config: Config,
  state: State,
  event: Extract<Event, { readonly _tag: "Dial" }>,
  time: Time,
): Step => {
  const { who, invitation, resumes, entropy } = event
  const { callId } = entropy
  const refuse = (code: string): Step => [state, [CallState.failed(callId, code)]]
  if (CallState.isTaken(state, callId)) return [state, nothing]
  if (CallHandshake.isSelf(config.self, who) || invitation?.id === config.self.identity.id) return refuse("Self_call")
  if (CallState.outgoing(state, resumes) !== undefined) return refuse("Already_calling")
  if (invitation !== undefined && Invitation.isExpired(invitation, time.seconds)) return refuse("Invitation_invalid")
  const expected = who._tag === "Id" ? who.id : (invitation?.id ?? event.expected ?? config.pinned(who.name))
  const theirs = expected && IncomingCall.find(state, expected, resumes)
  if (theirs !== undefined) return IncomingCall.merge(config, state, callId, theirs, time)
  const { primitives } = config
  return [
    CallState.put(state, {
      _tag: "Dialling",
      callId,
      until: time.now + CallState.lookupMillis,
      inviteId: invitation && Invitation.inviteId(primitives, invitation.secret),
      resumes,
      who,
      expected,
      psk: invitation && Invitation.psk(primitives, invitation.secret),
      entropy,
    }),
    [{ _tag: "LookUp", callId, who }],
  ]
}

/** The answer to LOOKUP: judged, and called. */
export const found = (
  config: Config,
  state: State,
  ours: Dialling,
  event: Extract<Event, { readonly _tag: "Found" }>,
  time: Time,
): Step => {
  const { primitives, self } = config
  const { callId, early, expected, inviteId, resumes, psk, who, entropy } = ours
  const decoded = Result.getOrUndefined(Certificate.decode(event.certificate))
  if (decoded === undefined || (who._tag === "Name" && who.name !== event.name)) return [state, nothing]
  const [over, declined] = CallState.declineEarly(CallState.close(state, callId), ours)
  const fail = (code: string): Step => [over, [...declined, CallState.failed(callId, code)]]
  const verified = Certificate.verify(primitives, decoded, {
    now: time.seconds,
    highestSerial: config.highestSerial(decoded.id),
  })
  if (Result.isFailure(verified)) {
    return fail(verified.failure.reason === "SerialTooLow" ? "Certificate_rollback" : "Certificate_invalid")
  }
  const { id } = decoded
  if (expected !== undefined && id !== expected) {
    return [over, [CallState.failed(callId, "Key_changed", { change: IncomingCall.keyChange(config, expected, id) })]]
  }
  if (id === self.identity.id) return fail("Self_call")
  if (early !== undefined) {
    const alone = CallState.put(state, { ...ours, expected: id, early: undefined })
    const [next, answered] = IncomingCall.incoming(config, alone, early, time)
    // Either it was them, and their call goes on; or they were turned away, and ours does.
    const still = CallState.find(next, callId)
    if (still?._tag !== "Dialling") return [next, answered]
    const [last, called] = found(config, next, still, event, time)
    return [last, [...answered, ...called]]
  }
  const theirs = IncomingCall.find(over, id, resumes)
  if (theirs !== undefined) return IncomingCall.merge(config, over, callId, theirs, time)
  const started = CallHandshake.initiate(primitives, {
    self,
    callee: decoded,
    dialled: who,
    invitation: inviteId && psk && { inviteId, psk },
    resumes,
    entropy,
  })
  if (started === undefined) return fail("Certificate_invalid")
  const calling: Calling = {
    _tag: "Calling",
    callId,
    until: time.now + CallState.handshakeMillis,
    inviteId,
    resumes,
    handshake: started.state,
  }
  return [CallState.put(state, calling), [{ _tag: "Send", line: { _tag: "Chat", who, callId, m1: started.m1 } }]]
}

/** The server has nobody of that name or id, or does not say. */
export const notFound = (state: State, ours: Dialling, code: string): Step => {
  const { callId } = ours
  const [over, declined] = CallState.declineEarly(CallState.close(state, callId), ours)
  return [over, [...declined, CallState.failed(callId, code)]]
}

/** M2, or M4 or what comes in its place. */
export const passed = (
  config: Config,
  state: State,
  call: Dialling | Calling | Confirming,
  data: Uint8Array,
  time: Time,
): Step => {
  switch (call._tag) {
    case "Dialling":
      return [state, nothing]
    case "Calling":
      return passedM2(config, state, call, data, time)
    case "Confirming":
      return passedM4(config, state, call, data, time)
  }
}

const passedM2 = (config: Config, state: State, call: Calling, data: Uint8Array, time: Time): Step => {
  const { primitives, highestSerial } = config
  const keys = CallHandshake.readM2(primitives, call.handshake, data, { now: time.seconds, highestSerial })
  const sealed = keys && LinkChannel.seal(primitives, LinkChannel.make(keys), LinkChannel.confirm)
  if (keys === undefined || sealed === undefined) return [state, nothing]
  const { callId, inviteId, resumes } = call
  const confirming: Confirming = {
    _tag: "Confirming",
    callId,
    until: time.now + CallState.confirmMillis,
    inviteId,
    resumes,
    keys,
    link: sealed.channel,
  }
  return [CallState.put(state, confirming), [CallState.pass(callId, sealed.data)]]
}

const passedM4 = (config: Config, state: State, call: Confirming, data: Uint8Array, time: Time): Step => {
  const opened = LinkChannel.open(config.primitives, call.link, data)
  if (opened === undefined) return [state, nothing]
  const { channel, message } = opened
  if (LinkChannel.isSame(message, LinkChannel.accept)) return AgreedCall.establish(state, call, channel, time)
  // Proven by the key of this call: the other side itself has said so, and no server.
  return call.resumes !== undefined && LinkChannel.isSame(message, LinkChannel.noSuchChat)
    ? CallState.hangUp(state, call, "Cancelled", "No_such_chat")
    : [state, nothing]
}
