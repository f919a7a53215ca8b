/**
 * A call after M4: the way through the server, until the server or we end it. The part of `Calls` that both sides share.
 */
import { isUnicast, type Endpoint, type Port } from "../Endpoint.ts"
import * as TokenBucket from "../TokenBucket.ts"
import type { Action, Config, Time } from "./CallEvent.ts"
import * as CallState from "./CallState.ts"
import type { Agreed, Called, Confirming, State, Step } from "./CallState.ts"
import * as LinkChannel from "./LinkChannel.ts"

const { nothing } = CallState

/**
 * How many messages may be sent: fewer than the server takes, for one that it dropped would be the last that the other
 * side can read. M2 to M4 have had their part of what the server takes.
 */
const messages: TokenBucket.Limit = { burst: 40, perSecond: 0.1 }
/** The longest message, in bytes without its header: sealed it has less than the KiB that the server gives with each. */
export const maxBodyBytes = 957

/** M4 was sent or verified. What else was agreed on with the same person is over, and the oldest if there are too many. */
export const establish = (
  state: State,
  { callId, inviteId, resumes, keys }: Called | Confirming,
  link: LinkChannel.LinkChannel,
  { now }: Time,
): Step => {
  const others = [...state.calls.values()].filter((call): call is Agreed => call._tag === "Agreed")
  const same = others.filter((call) => call.keys.peer.id === keys.peer.id)
  const rest = others.filter((call) => !same.includes(call))
  const replaced = [...same, ...rest.slice(0, Math.max(0, rest.length - CallState.maxAgreed + 1))]
  const agreed: Agreed = {
    _tag: "Agreed",
    callId,
    until: Infinity,
    inviteId,
    resumes,
    keys,
    link,
    ports: 0,
    started: false,
    budget: TokenBucket.initial(messages, now),
    waiting: undefined,
  }
  let next = CallState.put(state, agreed)
  const actions: Array<Action> = []
  for (const call of replaced) {
    const [without, more] = CallState.hangUp(next, call, "Failed", "Replaced")
    next = without
    actions.push(...more)
  }
  return [next, [...actions, { _tag: "Established", callId, keys, inviteId, resumes }]]
}

/** A sealed message of the other side. Types of later versions are read, so that the next one is known, and ignored. */
export const passed = ({ primitives }: Config, state: State, call: Agreed, data: Uint8Array): Step => {
  const opened = LinkChannel.open(primitives, call.link, data)
  if (opened === undefined) return [state, nothing]
  const { channel, message } = opened
  const told: Action = { _tag: "Told", callId: call.callId, message }
  return [CallState.put(state, { ...call, link: channel }), message.type === LinkChannel.candidates ? [told] : nothing]
}

/** A message for the other side. While the server would take none, the last one waits. */
export const tell = (
  { primitives }: Config,
  state: State,
  call: Agreed,
  message: LinkChannel.LinkMessage,
  now: number,
): Step => {
  if (message.body.length > maxBodyBytes) return [state, nothing]
  const [budget, wait] = TokenBucket.take(messages, call.budget, 1, now)
  if (wait > 0) return [CallState.put(state, { ...call, waiting: message, until: now + wait }), nothing]
  const sealed = LinkChannel.seal(primitives, call.link, message)
  if (sealed === undefined) return [state, nothing]
  const sent: Agreed = { ...call, link: sealed.channel, budget, waiting: undefined, until: Infinity }
  return [CallState.put(state, sent), [CallState.pass(call.callId, sealed.data)]]
}

/** What waited may go out. */
export const due = (config: Config, state: State, call: Agreed, now: number): Step =>
  call.waiting === undefined
    ? [CallState.put(state, { ...call, until: Infinity }), nothing]
    : tell(config, state, call, call.waiting, now)

/** PORT: the server asks for a port, at most so many times a call. */
export const askedPort = ({ relayOnly }: Config, state: State, call: Agreed, port: Port | undefined): Step => {
  if (call.started || call.ports >= CallState.maxPorts) return [state, nothing]
  const { callId } = call
  const answer = (_tag: "PortTaken" | "NoPortWanted"): Action => ({ _tag: "Send", line: { _tag, callId } })
  const action: Action =
    relayOnly === true
      ? answer("NoPortWanted")
      : port === undefined
        ? answer("PortTaken")
        : { _tag: "TryPort", callId, port }
  return [CallState.put(state, { ...call, ports: call.ports + 1 }), [action]]
}

/** STARTCHAT, once. A server must not make us send to many, or to nobody. */
export const startChat = ({ relayOnly }: Config, state: State, call: Agreed, endpoint: Endpoint | undefined): Step => {
  if (call.started || (endpoint !== undefined && !isUnicast(endpoint.address))) return [state, nothing]
  const met = relayOnly === true ? undefined : endpoint
  return [CallState.put(state, { ...call, started: true }), [{ _tag: "Start", callId: call.callId, endpoint: met }]]
}
