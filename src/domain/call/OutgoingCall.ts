/**
 * Our own call, from LOOKUP to M4: the caller's part of `Calls`.
 */
import * as Result from "effect/Result"
import * as Certificate from "../identity/Certificate.ts"
import type { PersonId } from "../identity/PersonId.ts"
import type * as Who from "../nomitm1/Who.ts"
import type { PersonName } from "../PersonName.ts"
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
  const { who, invitation, entropy } = event
  const { callId } = entropy
  const refuse = (code: string): Step => [state, [CallState.failed(callId, code)]]
  if (CallState.isTaken(state, callId)) return [state, nothing]
  if (CallHandshake.isSelf(config.self, who) || invitation?.id === config.self.identity.id) return refuse("Self_call")
  if (CallState.outgoing(state) !== undefined) return refuse("Already_calling")
  if (invitation !== undefined && Invitation.isExpired(invitation, time.seconds)) return refuse("Invitation_invalid")
  const expected = who._tag === "Id" ? who.id : (invitation?.id ?? event.expected ?? config.pinned(who.name))
  const theirs = expected && IncomingCall.find(state, expected)
  if (theirs !== undefined) return IncomingCall.merge(config, state, callId, theirs, time)
  const { primitives } = config
  return [
    CallState.put(state, {
      _tag: "Dialling",
      callId,
      until: time.now + CallState.lookupMillis,
      inviteId: invitation && Invitation.inviteId(primitives, invitation.secret),
      who,
      expected,
      psk: invitation && Invitation.psk(primitives, invitation.secret),
      entropy,
    }),
    [{ _tag: "Send", line: { _tag: "LookUp", who } }],
  ]
}

const isAbout = (who: Who.Who, name: PersonName, id: PersonId): boolean =>
  who._tag === "Name" ? who.name === name : who.id === id

const isSame = (a: Who.Who, b: Who.Who): boolean =>
  a._tag === "Name" ? b._tag === "Name" && a.name === b.name : b._tag === "Id" && a.id === b.id

/** A lookup that nobody waits for any more has its answer. */
const settle = (state: State, is: (who: Who.Who) => boolean): State | undefined => {
  const at = state.abandoned.findIndex(is)
  return at < 0 ? undefined : { ...state, abandoned: state.abandoned.toSpliced(at, 1) }
}

/** The answer to LOOKUP: judged, and called. */
export const found = (
  config: Config,
  state: State,
  event: Extract<Event, { readonly _tag: "Found" }>,
  time: Time,
): Step => {
  const { name, certificate: encoded } = event
  const decoded = Result.getOrUndefined(Certificate.decode(encoded))
  if (decoded === undefined) return [state, nothing]
  const ours = CallState.outgoing(state)
  const isOurs = ours?._tag === "Dialling" && isAbout(ours.who, name, decoded.id)
  if (!isOurs) {
    const settled = settle(state, (who) => isAbout(who, name, decoded.id))
    if (settled !== undefined) return [settled, nothing]
    // Asked for an id, the server shows another one's certificate.
    if (ours?._tag !== "Dialling" || ours.who._tag !== "Id") return [state, nothing]
  }
  const { primitives, self } = config
  const { callId, early, expected, inviteId, psk, who, entropy } = ours
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
    if (CallState.find(next, callId) === undefined)
      return [settle(next, (who) => isAbout(who, name, id)) ?? next, answered]
    const [last, called] = found(config, next, event, time)
    return [last, [...answered, ...called]]
  }
  const theirs = IncomingCall.find(over, id)
  if (theirs !== undefined) return IncomingCall.merge(config, over, callId, theirs, time)
  const started = CallHandshake.initiate(primitives, {
    self,
    callee: decoded,
    dialled: who,
    invitation: inviteId && psk && { inviteId, psk },
    entropy,
  })
  if (started === undefined) return fail("Certificate_invalid")
  const calling: Calling = {
    _tag: "Calling",
    callId,
    until: time.now + CallState.handshakeMillis,
    inviteId,
    handshake: started.state,
  }
  return [CallState.put(state, calling), [{ _tag: "Send", line: { _tag: "Chat", who, callId, m1: started.m1 } }]]
}

/** The server has nobody of that name or id, or does not say. */
export const notFound = (state: State, who: Who.Who, code: string): Step => {
  const ours = CallState.outgoing(state)
  if (ours?._tag !== "Dialling" || !isSame(ours.who, who)) {
    return [settle(state, (abandoned) => isSame(abandoned, who)) ?? state, nothing]
  }
  const { callId } = ours
  const [over, declined] = CallState.declineEarly(CallState.close(state, callId), ours)
  return [over, [...declined, CallState.failed(callId, code)]]
}

/** M2, or M4. */
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
  const { callId, inviteId } = call
  const confirming: Confirming = {
    _tag: "Confirming",
    callId,
    until: time.now + CallState.confirmMillis,
    inviteId,
    keys,
    link: sealed.channel,
  }
  return [CallState.put(state, confirming), [CallState.pass(callId, sealed.data)]]
}

const passedM4 = (config: Config, state: State, call: Confirming, data: Uint8Array, time: Time): Step => {
  const opened = LinkChannel.open(config.primitives, call.link, data)
  if (opened === undefined || !LinkChannel.isSame(opened.message, LinkChannel.accept)) return [state, nothing]
  const { callId, inviteId, keys } = call
  return [
    CallState.put(state, {
      _tag: "Agreed",
      callId,
      until: time.now + CallState.agreedMillis,
      inviteId,
      keys,
      link: opened.channel,
      ports: 0,
      started: false,
    }),
    [{ _tag: "Established", callId, keys, inviteId }],
  ]
}
