/**
 * Calls of others, from M1 to M4: the callee's part of `Calls`.
 */
import * as Result from "effect/Result"
import * as Fingerprint from "../identity/Fingerprint.ts"
import * as PersonId from "../identity/PersonId.ts"
import * as Bytes from "../crypto/Bytes.ts"
import * as AgreedCall from "./AgreedCall.ts"
import type { Action, Config, Event, KeyChange, RefusedCode, Time, Welcome } from "./CallEvent.ts"
import * as CallHandshake from "./CallHandshake.ts"
import * as CallState from "./CallState.ts"
import type { Called, Calling, Confirming, Dialling, State, Step } from "./CallState.ts"
import * as LinkChannel from "./LinkChannel.ts"

const { nothing } = CallState

export const keyChange = (config: Config, known: PersonId.PersonId, shown: PersonId.PersonId): KeyChange => ({
  known: Fingerprint.of(config.primitives, known),
  shown: Fingerprint.of(config.primitives, shown),
})

/**
 * Who is turned away hears the same, whatever the reason. The call is remembered, so that the same M1 is not read again.
 */
const decline = (state: State, callId: Uint8Array, ...told: ReadonlyArray<Action>): Step => [
  CallState.close(state, callId),
  [CallState.end(callId, "Declined"), ...told],
]

/** M1. */
export const incoming = (
  config: Config,
  state: State,
  event: Extract<Event, { readonly _tag: "Incoming" }>,
  time: Time,
): Step => {
  const { primitives, self } = config
  const { callId, callerHash, m1, entropy } = event
  if (CallState.isTaken(state, callId)) return [state, nothing]
  // Nobody but a confused or hostile server lets us call ourselves.
  if (Bytes.equals(callerHash, PersonId.hash(primitives, self.identity.id))) return decline(state, callId)
  const others = [...state.calls.values()].filter(CallState.isCalled)
  if (others.length >= CallState.maxIncoming) return [state, [CallState.end(callId, "Declined")]]

  const { highestSerial } = config
  const read = CallHandshake.readM1(primitives, { self, callId, callerHash, now: time.seconds, highestSerial }, m1)
  if (Result.isFailure(read)) return refused(state, callId, read.failure)
  const caller = read.success
  const told = (code: RefusedCode, change?: KeyChange): Action => ({
    _tag: "Refused",
    code,
    id: caller.id,
    name: caller.name,
    change,
  })

  const { resumes } = caller
  // Whose chat goes on is known by the key, whatever the name.
  const isKnown = resumes !== undefined && config.resumable(resumes, caller.id) === "Known"
  const pinned = isKnown ? undefined : config.pinned(caller.name)
  if (pinned !== undefined && pinned !== caller.id) {
    return decline(state, callId, told("Key_changed", keyChange(config, pinned, caller.id)))
  }
  const ours = CallState.outgoing(state, resumes)
  const wanted = ours !== undefined && CallState.peerId(ours) === caller.id ? ours : undefined
  // Both call each other: theirs goes on if we have said nothing yet, or our id is the higher one.
  if (wanted !== undefined && wanted._tag !== "Dialling" && PersonId.compare(self.identity.id, caller.id) < 0) {
    return [state, nothing]
  }
  // To call somebody whose call is under way is to accept that call: whether it is them is not known yet.
  if (wanted === undefined && ours?._tag === "Dialling" && couldBe(ours, caller)) {
    return [CallState.put(state, { ...ours, early: event }), nothing]
  }
  const psk = caller.inviteId && config.pskOf(caller.inviteId)
  if (caller.inviteId !== undefined && psk === undefined) return decline(state, callId)
  const welcome: Welcome =
    wanted === undefined && !isKnown
      ? config.admits({ id: caller.id, name: caller.name, invited: caller.inviteId !== undefined })
      : "Accept"
  if (welcome === "Refuse") return decline(state, callId, told("Not_admitted"))
  const answered = CallHandshake.answer(primitives, caller, psk, entropy)
  if (answered === undefined) return decline(state, callId)

  const call: Called = {
    _tag: "Answered",
    callId,
    until: time.now + CallState.handshakeMillis,
    inviteId: caller.inviteId,
    resumes,
    keys: answered.keys,
    link: LinkChannel.make(answered.keys),
    dialled: caller.dialled,
    welcome: welcome === "Accept",
    known: wanted !== undefined,
  }
  const [next, withdrawn] = wanted === undefined ? [state, nothing] : withdraw(state, wanted, callId)
  return [CallState.put(next, call), [...withdrawn, CallState.pass(callId, answered.m2)]]
}

/**
 * Whether somebody could be the one we look up: then we both call each other, and that is told when the server has said
 * whose name it is. Who resumes a chat is never looked up by name.
 */
const couldBe = ({ early, expected, who }: Dialling, { name }: CallHandshake.Caller): boolean =>
  early === undefined && expected === undefined && who._tag === "Name" && who.name === name

/** What does not open is as if it had never come; all else was written by who calls, and that one hears no. */
const refused = (state: State, callId: Uint8Array, refusal: CallHandshake.Refusal): Step => {
  if (refusal._tag === "NotOpened") return [state, nothing]
  if (refusal._tag !== "CertificateInvalid" || refusal.reason !== "SerialTooLow") return decline(state, callId)
  const { id, name } = refusal
  return decline(state, callId, { _tag: "Refused", code: "Certificate_rollback", id, name, change: undefined })
}

/** Ours gives way to theirs. */
const withdraw = (state: State, ours: Dialling | Calling | Confirming, into: Uint8Array): Step => [
  CallState.close(state, ours.callId),
  [
    ...(ours._tag === "Dialling" ? [] : [CallState.end(ours.callId, "Cancelled")]),
    { _tag: "Merged", callId: ours.callId, into },
  ],
]

/** A message of the caller: M3, or one that is of no interest. */
export const passed = (config: Config, state: State, call: Called, data: Uint8Array, time: Time): Step => {
  const opened = LinkChannel.open(config.primitives, call.link, data)
  if (opened === undefined) return [state, nothing]
  if (call._tag !== "Answered") return [CallState.put(state, { ...call, link: opened.channel }), nothing]
  if (!LinkChannel.isSame(opened.message, LinkChannel.confirm)) return [state, nothing]
  const live: Called = { ...call, link: opened.channel }
  const [alone, ended] = endOlder(state, live)
  const { callId, inviteId, resumes } = live
  if (resumes !== undefined) return andThen([alone, ended], (next) => resume(config, next, live, resumes, time))
  if (inviteId === undefined) return andThen([alone, ended], (next) => letIn(config, next, live, time))
  const spending: Called = { ...live, _tag: "Spending", until: time.now + CallState.spendingMillis }
  return [CallState.put(alone, spending), [...ended, { _tag: "UseUpInvitation", callId, inviteId }]]
}

const andThen = ([state, actions]: Step, then: (state: State) => Step): Step => {
  const [next, more] = then(state)
  return [next, [...actions, ...more]]
}

/** Who calls anew is not waiting for an answer to the call before: whoever has proven to be there counts. */
const endOlder = (state: State, call: Called): Step => {
  let step: Step = [state, nothing]
  for (const other of state.calls.values()) {
    if (
      !CallState.isCalled(other) ||
      other._tag === "Answered" ||
      other.keys.peer.id !== call.keys.peer.id ||
      !CallState.isAlike(other.resumes, call.resumes)
    )
      continue
    step = andThen(step, (next) => CallState.hangUp(next, other, "Failed", "Cancelled"))
  }
  return step
}

/** A chat goes on, if there still is one. It never rings. */
const resume = (config: Config, state: State, call: Called, chatId: Uint8Array, time: Time): Step => {
  const { callId, keys, link } = call
  if (config.resumable(chatId, keys.peer.id) === "Known") return accept(config, state, call, time)
  const sealed = LinkChannel.seal(config.primitives, link, LinkChannel.noSuchChat)
  const [over, ended] = CallState.hangUp(state, call, "Failed", "No_such_chat")
  return [over, [...(sealed === undefined ? [] : [CallState.pass(callId, sealed.data)]), ...ended]]
}

/** Who is at the door has shown to be there. */
const letIn = (config: Config, state: State, call: Called, time: Time): Step => {
  if (call.welcome) return accept(config, state, call, time)
  const { callId, dialled, inviteId, keys } = call
  const { id, name } = keys.peer
  return [
    CallState.put(state, { ...call, _tag: "Ringing", known: true, until: time.now + CallState.ringMillis }),
    [{ _tag: "Ring", callId, peer: { id, name, invited: inviteId !== undefined }, dialled, inviteId }],
  ]
}

/** The invitation is noted as used, or somebody else has used it. */
export const invitationUsed = (config: Config, state: State, call: Called, ok: boolean, time: Time): Step => {
  if (call._tag !== "Spending") return [state, nothing]
  return ok ? letIn(config, state, call, time) : CallState.hangUp(state, call, "Declined", "Invitation_invalid")
}

/** M4 and ACCEPT. */
export const accept = (config: Config, state: State, call: Called, time: Time): Step => {
  const sealed = LinkChannel.seal(config.primitives, call.link, LinkChannel.accept)
  if (sealed === undefined) return [state, nothing]
  const { callId } = call
  const sent: ReadonlyArray<Action> = [
    CallState.pass(callId, sealed.data),
    { _tag: "Send", line: { _tag: "Accept", callId } },
  ]
  return andThen([state, sent], (next) => AgreedCall.establish(next, call, sealed.channel, time))
}

/** A call from somebody that we want to call ourselves, for the same; none if there is none that could be the answer. */
export const find = (state: State, id: PersonId.PersonId, resumes: Uint8Array | undefined): Called | undefined => {
  const theirs = [...state.calls.values()]
    .filter(CallState.isCalled)
    .filter((call) => call.keys.peer.id === id && CallState.isAlike(call.resumes, resumes))
  return theirs.find(({ _tag }) => _tag !== "Answered") ?? theirs[0]
}

/** Our call to somebody who calls us: there is one call, and it is accepted. */
export const merge = (config: Config, state: State, ours: Uint8Array, theirs: Called, time: Time): Step => {
  const merged: Action = { _tag: "Merged", callId: ours, into: theirs.callId }
  const welcome: Called = { ...theirs, welcome: true, known: true }
  if (theirs._tag !== "Ringing") return [CallState.put(state, welcome), [merged]]
  return andThen([state, [merged]], (next) => accept(config, next, welcome, time))
}
