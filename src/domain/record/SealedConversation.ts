/**
 * One conversation of two peers over records, as a pure state machine (PROTOCOL.md, section 16).
 *
 * ```
 *            Due: PROBE                     Due: KEEPALIVE, new keys, a short string
 *          ┌─────────┐                            ┌─────────┐
 *          │ Opening │──── a record opens ───────▶│  Open   │
 *          └─────────┘                            └─────────┘
 *               └── GiveUp, Close ──▶ Closed ◀── CLOSE, silence, old keys, Close
 * ```
 *
 * A record that opens is the other side's, whatever address it came from. So whoever hears first answers, with a record
 * that opens on the other side; PROBE is answered by anything, and nothing else is, so there is no echo.
 *
 * The machines of new keys (`Rekey`) and of verifying by voice (`ShortString`) are run here. The service `SealedChat`
 * owns the timer, the socket and the `RecordLayer`: it seals what is sent, opens what is heard, and carries out what is
 * said about keys. Randomness is handed in as a function; given the same bytes, the machine does the same.
 */
import type { ChatKeys } from "../call/ChatKeys.ts"
import type { Ending } from "../Conversation.ts"
import * as Endpoint from "../Endpoint.ts"
import * as ShortString from "../verify/ShortString.ts"
import * as Epoch from "./Epoch.ts"
import * as Frame from "./Frame.ts"
import type { Moment } from "./Moment.ts"
import * as Paths from "./Paths.ts"
import * as Rekey from "./Rekey.ts"
import * as Texts from "./Texts.ts"

/** The pause between two PROBEs; also the least pause between two answers to one, in milliseconds. */
export const probeMillis = 250
/** The pause between two KEEPALIVEs, in milliseconds; it varies by a tenth, so that it shows no clock. */
export const keepaliveMillis = 10_000
/** A peer that is silent for so long has missed a KEEPALIVE, or ours or its was lost: it is asked, in milliseconds. */
export const doubtMillis = 12_000
/** The pause between two PROBEs that ask that, in milliseconds. */
export const doubtProbeMillis = 500
/** A peer that is silent for so long is gone, in milliseconds. */
export const silenceMillis = 25_000
/** So many addresses where the other side was before are kept. */
export const maxFormer = 3

/** Of the keys that the handshake left behind, those that a conversation goes on with. */
export type Keys = Pick<ChatKeys, "callId" | "isInitiator" | "h" | "sas" | "exporter" | "record" | "index" | "self"> & {
  readonly peer: Pick<ChatKeys["peer"], "staticKey">
}

export type Phase = "Opening" | "Open" | "Closed"

/** All times are milliseconds of the monotonic clock. */
export interface State {
  readonly phase: Phase
  /** Where the other side is. */
  readonly remote: Endpoint.Endpoint
  /**
   * Where it was before, the last one last. Whoever passes on records quicker than the network can lead both sides to
   * itself, and then stop: so these are asked too when the other side is not heard any more.
   */
  readonly former: ReadonlyArray<Endpoint.Endpoint>
  /** Where it may be. */
  readonly paths: Paths.Paths
  /** When the last record opened. */
  readonly heardAt: number
  readonly probeAt: number
  readonly keepaliveAt: number
  /** When a PROBE was last answered. */
  readonly answeredAt: number
  /** The number of the next text. */
  readonly textNumber: number
  readonly texts: Texts.Waiting
  readonly rekey: Rekey.State
  readonly sas: ShortString.State
}

export type Event =
  /** A record has opened; the first four fields are what `RecordLayer.open` says about it. */
  | {
      readonly _tag: "Heard"
      readonly frames: ReadonlyArray<Frame.Frame>
      readonly isNewest: boolean
      readonly isCurrent: boolean
      readonly advanced: boolean
      readonly from: Endpoint.Endpoint
      readonly at: Moment
    }
  /** It is `dueAt`, or `isWorn`; `used`: how many counters of the current epoch are used. */
  | { readonly _tag: "Due"; readonly used: number; readonly at: Moment }
  /** A text of at most `Texts.maxTextBytes`. */
  | { readonly _tag: "Say"; readonly text: string; readonly at: Moment }
  | { readonly _tag: "Verify"; readonly at: Moment }
  | { readonly _tag: "Close" }
  | { readonly _tag: "GiveUp" }

export type Action =
  /** To the other side, with whatever else waits. */
  | { readonly _tag: "Send"; readonly frames: ReadonlyArray<Frame.Frame> }
  /** In a record of its own, to where the other side may be. */
  | { readonly _tag: "SendTo"; readonly frames: ReadonlyArray<Frame.Frame>; readonly to: Endpoint.Endpoint }
  | { readonly _tag: "Adopt" | "Prepare"; readonly epoch: Epoch.Epoch }
  | { readonly _tag: "ForgetPrevious" }
  | { readonly _tag: "Opened" }
  | { readonly _tag: "Deliver"; readonly text: string }
  | { readonly _tag: "Moved"; readonly remote: Endpoint.Endpoint }
  /** What two people compare: see `ShortString.indices` and `digits`. */
  | { readonly _tag: "Compare"; readonly value: number }
  | { readonly _tag: "NotComparable"; readonly why: ShortString.Failure }
  | { readonly _tag: "Ended"; readonly ending: Ending }

export type Step = readonly [State, ReadonlyArray<Action>]

const nothing: ReadonlyArray<Action> = []

/** @param remote where the other side is expected to be */
export const initial = (keys: Keys, remote: Endpoint.Endpoint, at: Moment): State => ({
  phase: "Opening",
  remote,
  former: [],
  paths: [],
  heardAt: at.monotonic,
  probeAt: at.monotonic,
  keepaliveAt: Infinity,
  answeredAt: -Infinity,
  textNumber: 0,
  texts: Texts.none,
  rekey: Rekey.initial(
    {
      isInitiator: keys.isInitiator,
      callId: keys.callId,
      staticSecret: keys.self.staticSecret,
      peerStaticKey: keys.peer.staticKey,
    },
    Epoch.first(keys),
    at,
  ),
  sas: ShortString.initial({ isInitiator: keys.isInitiator, h: keys.h, sas: keys.sas }),
})

/** When `Due` is the next event to come, in milliseconds of the monotonic clock. */
export const dueAt = (state: State): number => {
  switch (state.phase) {
    case "Opening":
      return state.probeAt
    case "Open":
      return Math.min(
        state.keepaliveAt,
        doubtAt(state),
        state.heardAt + silenceMillis,
        Rekey.dueAt(state.rekey),
        ShortString.dueAt(state.sas),
      )
    case "Closed":
      return Infinity
  }
}

/** When the other side is asked whether it is still there. */
const doubtAt = ({ heardAt, probeAt }: State): number => Math.max(heardAt + doubtMillis, probeAt)

/** Whether `Due` should come now: so many records have been sent or received that new keys are wanted. */
export const isWorn = (state: State, used: number): boolean =>
  used >= Rekey.epochRecords && state.phase === "Open" && Rekey.isWorn(state.rekey, used)

export const step = (tools: Rekey.Tools, state: State, event: Event): Step => {
  if (state.phase === "Closed") return [state, nothing]
  switch (event._tag) {
    case "Heard":
      return Rekey.isExpired(state.rekey, event.at) ? end(state, "timeout") : heard(tools, state, event)
    case "Due":
      return state.phase === "Opening" ? dueWhileOpening(state, event.at) : due(tools, state, event.used, event.at)
    case "Say": {
      if (state.phase !== "Open") return [state, nothing]
      if (Rekey.isExpired(state.rekey, event.at)) return end(state, "timeout")
      const frames = Texts.frames(state.textNumber, event.text)
      return [{ ...state, textNumber: (state.textNumber + 1) >>> 0 }, [{ _tag: "Send", frames }]]
    }
    case "Verify":
      return state.phase === "Open"
        ? verifying(tools, state, { _tag: "Start", now: event.at.monotonic })
        : [state, nothing]
    case "Close":
      return end(state, "closed", send(Frame.close))
    case "GiveUp":
      return state.phase === "Opening" ? end(state, "unreachable") : [state, nothing]
  }
}

const send = (...frames: ReadonlyArray<Frame.Frame>): Action => ({ _tag: "Send", frames })

const end = (state: State, ending: Ending, ...first: ReadonlyArray<Action>): Step => [
  { ...state, phase: "Closed" },
  [...first, { _tag: "Ended", ending }],
]

/** Runs one step after the other while the conversation is not over. */
const chain = (state: State, ...steps: ReadonlyArray<(state: State) => Step>): Step => {
  let current = state
  let all = nothing
  for (const step of steps) {
    if (current.phase === "Closed") break
    const [next, actions] = step(current)
    current = next
    if (actions.length > 0) all = all.length === 0 ? actions : [...all, ...actions]
  }
  return [current, all]
}

const dueWhileOpening = (state: State, { monotonic }: Moment): Step =>
  monotonic < state.probeAt ? [state, nothing] : [{ ...state, probeAt: monotonic + probeMillis }, [send(Frame.probe)]]

const due = (tools: Rekey.Tools, state: State, used: number, at: Moment): Step => {
  const now = at.monotonic
  if (now - state.heardAt >= silenceMillis) return end(state, "timeout")
  return chain(
    state,
    (state) =>
      now < state.keepaliveAt
        ? [state, nothing]
        : [{ ...state, keepaliveAt: now + keepalivePause(tools) }, [send(Frame.keepAlive)]],
    (state) =>
      now < doubtAt(state) ? [state, nothing] : [{ ...state, probeAt: now + doubtProbeMillis }, doubts(state)],
    (state) => rekeying(tools, state, { _tag: "Due", used, at }),
    (state) => verifying(tools, state, { _tag: "Due", now }),
  )
}

const doubts = ({ former }: State): ReadonlyArray<Action> => [
  send(Frame.probe),
  ...former.map((to): Action => ({ _tag: "SendTo", frames: [Frame.probe], to })),
]

/** Nine to eleven seconds, in milliseconds. */
const keepalivePause = ({ randomBytes }: Rekey.Tools): number => {
  const [high = 0, low = 0] = randomBytes(2)
  return keepaliveMillis * 0.9 + Math.floor(((high * 256 + low) / 65_536) * keepaliveMillis * 0.2)
}

const heard = (tools: Rekey.Tools, before: State, event: Event & { readonly _tag: "Heard" }): Step => {
  const { frames, from, at, isNewest, isCurrent, advanced } = event
  const now = at.monotonic
  // A chat that the other side has ended before we heard a word of it.
  if (before.phase === "Opening" && frames[0]?._tag === "Close") return end(before, "closed_by_peer")
  const state: State =
    before.phase === "Opening"
      ? { ...before, phase: "Open", heardAt: now, answeredAt: now, keepaliveAt: now + keepalivePause(tools) }
      : { ...before, heardAt: now }
  const opening: ReadonlyArray<Action> =
    before.phase === "Opening" ? [{ _tag: "Opened" }, send(Frame.keepAlive)] : nothing
  const isThere = Endpoint.equals(from, state.remote)
  const [next, actions] = chain(
    state,
    (state) => (isCurrent ? rekeying(tools, state, { _tag: "Opened", advanced, at }) : [state, nothing]),
    ...frames.map((frame) => (state: State) => take(tools, state, frame, event)),
    (state) => (isThere ? [state, nothing] : elsewhere(tools, state, event, isNewest)),
  )
  return opening.length === 0 ? [next, actions] : [next, [...opening, ...actions]]
}

/**
 * What a record from another address than the other side's is answered with there: its challenge, and one of ours. One
 * record, of the shortest length there is, and so no longer than the one that came.
 */
const elsewhere = (
  { randomBytes }: Rekey.Tools,
  state: State,
  { frames, from, at }: Event & { readonly _tag: "Heard" },
  isNewest: boolean,
): Step => {
  // It may have moved there just now.
  if (Endpoint.equals(from, state.remote)) return [state, nothing]
  const challenge = frames.find((frame) => frame._tag === "PathChallenge")
  const answer: ReadonlyArray<Frame.Frame> =
    challenge === undefined ? [] : [{ _tag: "PathResponse", data: challenge.data }]
  const [paths, data] = isNewest ? Paths.ask(randomBytes, state.paths, from, at.monotonic) : [state.paths, undefined]
  const all: ReadonlyArray<Frame.Frame> = data === undefined ? answer : [...answer, { _tag: "PathChallenge", data }]
  return [{ ...state, paths }, all.length === 0 ? nothing : [{ _tag: "SendTo", frames: all, to: from }]]
}

/** One frame of a record. */
const take = (
  tools: Rekey.Tools,
  state: State,
  frame: Frame.Frame,
  { from, at }: Event & { readonly _tag: "Heard" },
): Step => {
  const now = at.monotonic
  switch (frame._tag) {
    case "KeepAlive":
      return [state, nothing]
    case "Probe":
      return now - state.answeredAt < probeMillis
        ? [state, nothing]
        : [{ ...state, answeredAt: now }, [send(Frame.keepAlive)]]
    case "Text": {
      const [texts, text] = Texts.add(state.texts, frame)
      return [
        texts === state.texts ? state : { ...state, texts },
        text === undefined ? nothing : [{ _tag: "Deliver", text }],
      ]
    }
    case "Close":
      return end(state, "closed_by_peer")
    case "PathChallenge":
      return Endpoint.equals(from, state.remote)
        ? [state, [send({ _tag: "PathResponse", data: frame.data })]]
        : [state, nothing]
    case "PathResponse": {
      if (!Paths.isProof(state.paths, from, frame.data, now)) return [state, nothing]
      const remote = { address: from.address, port: from.port }
      const others = state.former.filter((it) => !Endpoint.equals(it, remote) && !Endpoint.equals(it, state.remote))
      const former = [...others.slice(1 - maxFormer), state.remote]
      return [{ ...state, remote, former, paths: [] }, [{ _tag: "Moved", remote }]]
    }
    case "Rekey1":
    case "Rekey2":
      return rekeying(tools, state, { _tag: "Heard", frame, at })
    case "SasCommit":
    case "SasReply":
    case "SasReveal":
    case "SasAbort":
    case "SasRequest":
      return verifying(tools, state, { _tag: "Heard", frame, now })
  }
}

const rekeying = (tools: Rekey.Tools, state: State, event: Rekey.Event): Step => {
  const [rekey, actions] = Rekey.step(tools, state.rekey, event)
  const next = rekey === state.rekey ? state : { ...state, rekey }
  return actions.some((action) => action._tag === "Expired")
    ? end(next, "timeout")
    : [next, actions as ReadonlyArray<Exclude<Rekey.Action, { readonly _tag: "Expired" }>>]
}

const verifying = (tools: Rekey.Tools, state: State, event: ShortString.Event): Step => {
  const [sas, actions] = ShortString.step(tools, state.sas, event)
  if (sas === state.sas && actions.length === 0) return [state, nothing]
  const next: State = { ...state, sas }
  const own: Array<Action> = []
  for (const action of actions) {
    switch (action._tag) {
      case "Send":
        own.push(send(action.frame))
        break
      case "Ready":
        own.push({ _tag: "Compare", value: action.value })
        break
      case "Failed":
        own.push({ _tag: "NotComparable", why: action.why })
        break
      case "GiveUpChat":
        return end(next, "unverified", ...own, send(Frame.close))
    }
  }
  return [next, own]
}
