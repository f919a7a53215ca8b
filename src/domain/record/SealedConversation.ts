/**
 * One conversation of two peers over records, as a pure state machine (PROTOCOL.md, section 16).
 *
 * ```
 *     ┌─────────┐                      ┌──────┐  keys too old    ┌───────────┐
 *     │ Opening │── a record opens ───▶│ Open │─────────────────▶│ Suspended │
 *     └─────────┘                      └──────┘◀── new keys ─────└───────────┘
 *          └── GiveUp, Close ──▶ Closed ◀── CLOSE, a day of silence, Close ──┘
 * ```
 *
 * A record that opens is the other side's, on whatever path it came. Which paths there are, and which one is used, is the
 * affair of `reach/Reach`; what is said in messages is `delivery/Delivery`'s. Here are the keys and how they change
 * (`Rekey`), verifying by voice (`ShortString`), and the beginning and the end.
 *
 * Whoever runs it (`services/chat/LiveChat`) has the timer, the sockets and the records: it seals what is sent, opens what
 * is heard, and carries out what is said about keys. Randomness is handed in as a function; given the same bytes, the machine does
 * the same.
 */
import type { ChatKeys } from "../call/ChatKeys.ts"
import type { Ending } from "../Conversation.ts"
import * as ShortString from "../verify/ShortString.ts"
import * as Epoch from "./Epoch.ts"
import type * as Frame from "./Frame.ts"
import { keepAlive, close } from "./Frame.ts"
import { age, type Moment } from "./Moment.ts"
import * as Rekey from "./Rekey.ts"

/** The least pause between two answers to PROBE, in milliseconds. */
export const answerMillis = 250
/** A peer that is silent for so long is gone for good, in milliseconds: a day. */
export const silenceMillis = 86_400_000

/** Of the keys that the handshake left behind, those that a conversation goes on with. */
export type Keys = Pick<ChatKeys, "callId" | "isInitiator" | "h" | "sas" | "exporter" | "record" | "index" | "self"> & {
  readonly peer: Pick<ChatKeys["peer"], "staticKey">
}

export type Phase = "Opening" | "Open" | "Suspended" | "Closed"

/** All times without a wall clock are milliseconds of the monotonic one. */
export interface State {
  readonly phase: Phase
  /** When the last record opened; at first, when the conversation began. */
  readonly heardAt: Moment
  /** When a PROBE was last answered. */
  readonly answeredAt: number
  readonly rekey: Rekey.State
  readonly sas: ShortString.State
}

/** What the conversation itself is about: neither paths nor messages. */
export type OwnFrame = Exclude<Frame.Frame, { readonly _tag: "PathChallenge" | "PathResponse" | "Data" | "Ack" }>

export type Event =
  /** A record has opened; `isCurrent` and `advanced` are what `RecordLayer.open` says about it. */
  | {
      readonly _tag: "Heard"
      readonly frames: ReadonlyArray<OwnFrame>
      readonly isCurrent: boolean
      readonly advanced: boolean
      readonly at: Moment
    }
  /** It is `dueAt`, or `isWorn`, or the keys may have become too old; `used`: counters of the current epoch. */
  | { readonly _tag: "Due"; readonly used: number; readonly at: Moment }
  /** The keys of another handshake, with which the chat goes on. */
  | { readonly _tag: "Resumed"; readonly keys: Keys; readonly at: Moment }
  | { readonly _tag: "Verify"; readonly at: Moment }
  | { readonly _tag: "Close" }
  /** It comes to nothing, or the other side breaks the rules. */
  | { readonly _tag: "GiveUp"; readonly ending: Ending }

export type Action =
  /** To the other side, with whatever else waits. */
  | { readonly _tag: "Send"; readonly frames: ReadonlyArray<Frame.Frame> }
  | { readonly _tag: "Adopt" | "Prepare"; readonly epoch: Epoch.Epoch }
  | { readonly _tag: "ForgetPrevious" }
  | { readonly _tag: "Opened" }
  /** Nothing is sealed or opened with the keys at hand any more. */
  | { readonly _tag: "Suspended" }
  /** What two people compare: see `ShortString.indices` and `digits`. */
  | { readonly _tag: "Compare"; readonly value: number }
  | { readonly _tag: "NotComparable"; readonly why: ShortString.Failure }
  | { readonly _tag: "Ended"; readonly ending: Ending }

export type Step = readonly [State, ReadonlyArray<Action>]

const nothing: ReadonlyArray<Action> = []

export const initial = (keys: Keys, at: Moment): State => ({
  phase: "Opening",
  heardAt: at,
  answeredAt: -Infinity,
  ...keyed(keys, at),
})

/** What goes with a handshake. */
const keyed = (keys: Keys, at: Moment): Pick<State, "rekey" | "sas"> => ({
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
  const gone = state.heardAt.monotonic + silenceMillis
  switch (state.phase) {
    case "Opening":
      return Math.min(gone, Rekey.limitAt(state.rekey))
    case "Open":
      return Math.min(gone, Rekey.dueAt(state.rekey), ShortString.dueAt(state.sas))
    case "Suspended":
      return gone
    case "Closed":
      return Infinity
  }
}

/** Whether `Due` should come now: so many records have been sent or received that new keys are wanted. */
export const isWorn = (state: State, used: number): boolean =>
  used >= Rekey.epochRecords && state.phase === "Open" && Rekey.isWorn(state.rekey, used)

/** Whether `Due` should come now: by the wall clock, which a timer does not follow, the keys are too old. */
export const isExpired = (state: State, at: Moment): boolean => hasKeys(state) && Rekey.isExpired(state.rekey, at)

/** The other side was heard, and has said nothing that is for this machine: cheaper than `Heard`. */
export const alive = (state: State, at: Moment): State =>
  state.phase !== "Open" || at.monotonic - state.heardAt.monotonic < 1000 ? state : { ...state, heardAt: at }

/** Whether each record counts, whatever it says: new keys are proven by the first that opens. */
export const awaitsRecord = ({ rekey }: State): boolean => Rekey.awaitsRecord(rekey)

/** Whether records are sealed and opened with the keys at hand. */
export const hasKeys = ({ phase }: State): boolean => phase === "Opening" || phase === "Open"

export const step = (tools: Rekey.Tools, state: State, event: Event): Step => {
  if (state.phase === "Closed") return [state, nothing]
  switch (event._tag) {
    case "Heard":
      return hasKeys(state) ? heard(tools, state, event) : [state, nothing]
    case "Due":
      return due(tools, state, event.used, event.at)
    case "Resumed": {
      const phase = state.phase === "Opening" ? "Opening" : "Open"
      // The keys may have waited while others served.
      const heardAt = event.at.monotonic > state.heardAt.monotonic ? event.at : state.heardAt
      const next: State = { ...state, phase, ...keyed(event.keys, event.at), heardAt }
      return verified(next, ShortString.resumed(state.sas, next.sas.config))
    }
    case "Verify":
      return state.phase === "Open"
        ? verifying(tools, state, { _tag: "Start", now: event.at.monotonic })
        : [state, nothing]
    case "Close":
      return end(state, "closed", ...(hasKeys(state) ? [send(close)] : []))
    case "GiveUp":
      return end(state, event.ending, ...(hasKeys(state) && state.phase === "Open" ? [send(close)] : []))
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
    if (!hasKeys(current)) break
    const [next, actions] = step(current)
    current = next
    if (actions.length > 0) all = all.length === 0 ? actions : [...all, ...actions]
  }
  return [current, all]
}

const due = (tools: Rekey.Tools, state: State, used: number, at: Moment): Step => {
  if (age(state.heardAt, at) >= silenceMillis) return end(state, "timeout")
  if (state.phase === "Suspended") return [state, nothing]
  if (Rekey.isExpired(state.rekey, at)) return suspend(state)
  if (state.phase === "Opening") return [state, nothing]
  return chain(
    state,
    (state) => rekeying(tools, state, { _tag: "Due", used, at }),
    (state) => verifying(tools, state, { _tag: "Due", now: at.monotonic }),
  )
}

const suspend = (state: State): Step => [{ ...state, phase: "Suspended" }, [{ _tag: "Suspended" }]]

const heard = (tools: Rekey.Tools, before: State, event: Event & { readonly _tag: "Heard" }): Step => {
  const { frames, at, isCurrent, advanced } = event
  // A chat that the other side has ended before we heard a word of it.
  if (before.phase === "Opening" && frames[0]?._tag === "Close") return end(before, "closed_by_peer")
  const state: State = { ...before, phase: "Open", heardAt: at }
  const [next, actions] = chain(
    state,
    (state) => (isCurrent ? rekeying(tools, state, { _tag: "Opened", advanced, at }) : [state, nothing]),
    ...frames.map((frame) => (state: State) => take(tools, state, frame, event)),
  )
  if (before.phase === "Open") return [next, actions]
  // So that the other side opens too.
  return [{ ...next, answeredAt: at.monotonic }, [{ _tag: "Opened" }, send(keepAlive), ...actions]]
}

/** One frame of a record. */
const take = (tools: Rekey.Tools, state: State, frame: OwnFrame, { at }: Event & { readonly _tag: "Heard" }): Step => {
  const now = at.monotonic
  switch (frame._tag) {
    case "KeepAlive":
      return [state, nothing]
    case "Probe":
      return now - state.answeredAt < answerMillis
        ? [state, nothing]
        : [{ ...state, answeredAt: now }, [send(keepAlive)]]
    case "Close":
      return end(state, "closed_by_peer")
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
    ? suspend(next)
    : [next, actions as ReadonlyArray<Exclude<Rekey.Action, { readonly _tag: "Expired" }>>]
}

const verifying = (tools: Rekey.Tools, state: State, event: ShortString.Event): Step =>
  verified(state, ShortString.step(tools, state.sas, event))

const verified = (state: State, [sas, actions]: ShortString.Step): Step => {
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
        return end(next, "unverified", ...own, send(close))
    }
  }
  return [next, own]
}
