/**
 * One conversation of two peers over UDP in the seed's plaintext, as a pure state machine (PROTOCOL.md, section 8).
 *
 * ```
 *            Resend: CONNECT                       Beat: KEEPALIVE, or the token
 *          ┌─────────┐                            ┌─────────┐
 *          │ Opening │──── hears the other ──────▶│  Open   │
 *          └─────────┘                            └─────────┘
 *               └── GiveUp, Close ──▶ Closed ◀── CLOSE, silence, Close
 * ```
 *
 * Who hears first must not leave the other waiting: the side that opens sends CONNECT once more at once, and answers
 * each later CONNECT (at most four a second) until the other has shown, by anything but a CONNECT, that it is open too;
 * after that a CONNECT is one of a program that started anew, or an echo, and is answered in a way that ends there.
 * Anything the other says counts as hearing it.
 *
 * Whom a datagram is from is for `ObservedSource` to say: the other side is answered to where it is seen to be.
 *
 * The service that runs this (`ChatSession`) owns the timers and the socket.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Dialect } from "./Dialect.ts"
import { type Endpoint, equals } from "./Endpoint.ts"
import * as ObservedSource from "./ObservedSource.ts"
import type { PeerMessage } from "./PeerMessage.ts"

/** The pause between two CONNECTs, in milliseconds; also the least pause between two answers to a CONNECT. */
export const resendMillis = 250
/**
 * The least pause between two answers to a CONNECT of one that has shown to be open (`original`), in milliseconds: longer
 * than a round trip, for the older program echoes each answer.
 */
export const echoMillis = 2000
/** The pause between two KEEPALIVEs (`readme`), in milliseconds. */
export const keepaliveMillis = 5000
/** How often the token is looked after (`original`), in milliseconds. */
export const tokenBeatMillis = 1000
/** How long a token received is kept before it goes back (`original`), in milliseconds. */
export const tokenHoldMillis = 3000
/** When a lost token is replaced (`original`), in milliseconds after the last one seen. */
export const tokenLostMillis = 7000
/** The least pause between two tokens sent (`original`), in milliseconds. */
export const tokenPauseMillis = 1000
/** A peer that is silent for so long is gone, in milliseconds. */
export const silenceMillis = 20_000

/** The pause between two `Beat` events, in milliseconds. */
export const beatMillis = (dialect: Dialect): number => (dialect === "readme" ? keepaliveMillis : tokenBeatMillis)

/**
 * Why a conversation ended. Only one that is sealed: `unverified`, three times there was no short string to compare;
 * `forgotten`, the other side has proven that it does not know the chat any more; `protocol`, it broke the rules.
 */
export const Ending = Schema.Literals([
  "closed",
  "closed_by_peer",
  "timeout",
  "unreachable",
  "unverified",
  "forgotten",
  "protocol",
])
export type Ending = typeof Ending.Type

export interface Config {
  readonly dialect: Dialect
  /** The own name, as sent in every datagram. */
  readonly self: string
  /** The own random number (`original`): the higher one sends the first token. Signed 32 bits. */
  readonly number: number
  /** The other's name, where the server told it; otherwise the first datagram does. */
  readonly peer: Option.Option<string>
  /** Where the other side is announced to be. */
  readonly remote: Endpoint
}

export type Phase = "Opening" | "Open" | "Closed"

export interface State {
  readonly config: Config
  readonly phase: Phase
  readonly peer: Option.Option<string>
  /** Where the other side is. */
  readonly source: ObservedSource.State
  /** The number in the other's CONNECT (`original`): another one is a restarted program. */
  readonly peerNumber: number | undefined
  /** The other has shown that it hears us. */
  readonly proven: boolean
  /** When a CONNECT or its answer last went out, in milliseconds. */
  readonly connectSentAt: number
  /** The last sign of life, in milliseconds: the opening and any message; in `original` only a token. */
  readonly heardAt: number
  /** The opening, or the last token seen (`original`), in milliseconds. */
  readonly tokenSeenAt: number
  readonly tokenSentAt: number
  /** Since when the token is here (`original`), in milliseconds. */
  readonly tokenSince: number | undefined
}

export type Event =
  | { readonly _tag: "Heard"; readonly message: PeerMessage; readonly from: Endpoint; readonly now: number }
  | { readonly _tag: "Resend"; readonly now: number }
  | { readonly _tag: "Beat"; readonly now: number }
  | { readonly _tag: "Silence"; readonly now: number }
  | { readonly _tag: "Say"; readonly text: string }
  | { readonly _tag: "Close" }
  | { readonly _tag: "GiveUp" }

export type Action =
  | { readonly _tag: "Send"; readonly message: PeerMessage; readonly to: Endpoint }
  | { readonly _tag: "Opened"; readonly peer: string }
  | { readonly _tag: "Deliver"; readonly text: string }
  | { readonly _tag: "Ended"; readonly ending: Ending }

export type Step = readonly [State, ReadonlyArray<Action>]

export const initial = (config: Config, now: number): State => ({
  config,
  phase: "Opening",
  peer: config.peer,
  source: ObservedSource.initial(config.remote, now),
  peerNumber: undefined,
  proven: false,
  connectSentAt: -Infinity,
  heardAt: now,
  tokenSeenAt: now,
  tokenSentAt: -Infinity,
  tokenSince: undefined,
})

const nothing: ReadonlyArray<Action> = []

/** When silence becomes the end, in milliseconds of the same clock as the events. */
export const silentAt = (state: State): number => state.heardAt + silenceMillis

export const step = (state: State, event: Event): Step => {
  if (state.phase === "Closed") return [state, nothing]
  const decided = decide(state, event)
  const { source } = decided[0]
  return ObservedSource.isFree(source) && source.held.length === 0 ? decided : hold(decided)
}

/** Of what was decided to be sent, only as much as whoever is there may get. */
const hold = ([state, actions]: Step): Step => {
  const messages = actions.flatMap((action) => (action._tag === "Send" ? [action.message] : []))
  const [source, sent] = ObservedSource.release(state.source, messages)
  const next = { ...state, source }
  return [next, [...sent.map((message) => send(next, message)), ...actions.filter(({ _tag }) => _tag !== "Send")]]
}

const decide = (state: State, event: Event): Step => {
  switch (event._tag) {
    case "Heard":
      return heard(state, event.message, event.from, event.now)
    case "Resend":
      return state.phase === "Opening"
        ? [{ ...state, connectSentAt: event.now }, [send(state, connect(state))]]
        : [state, nothing]
    case "Beat":
      return state.phase === "Open" ? beat(state, event.now) : [state, nothing]
    case "Silence":
      return state.phase === "Open" && event.now >= silentAt(state) ? end(state, "timeout", nothing) : [state, nothing]
    case "Say":
      return state.phase === "Open"
        ? [state, [send(state, { _tag: "Text", from: state.config.self, text: event.text })]]
        : [state, nothing]
    case "Close":
      return end(state, "closed", [send(state, { _tag: "Close", from: state.config.self })])
    case "GiveUp":
      return state.phase === "Opening" ? end(state, "unreachable", nothing) : [state, nothing]
  }
}

const send = (state: State, message: PeerMessage): Action => ({ _tag: "Send", message, to: state.source.remote })
const connect = (state: State): PeerMessage => ({
  _tag: "Connect",
  from: state.config.self,
  number: state.config.number,
})
const keepAlive = (state: State): PeerMessage => ({ _tag: "KeepAlive", from: state.config.self })

const end = (state: State, ending: Ending, before: ReadonlyArray<Action>): Step => [
  { ...state, phase: "Closed" },
  [...before, { _tag: "Ended", ending }],
]

const heard = (before: State, message: PeerMessage, from: Endpoint, now: number): Step => {
  const { dialect } = before.config
  // The older program lets a person change the name at any time: there it says nothing about who is speaking.
  const isNamed = Option.isNone(before.peer) || before.peer.value === message.from
  if ((dialect === "readme" && !isNamed) || message._tag === "Unknown") return [before, nothing]
  const isOpen = before.phase === "Open"
  const source = ObservedSource.hear(before.source, from, message, { dialect, isOpen, isNamed }, now)
  if (source === undefined) return [before, nothing]
  const isMoved = isOpen && !equals(source.remote, before.source.remote)
  // Where it is now nothing was said yet.
  const state: State = isMoved ? { ...before, source, connectSentAt: -Infinity } : { ...before, source }
  // A Close for a conversation that never opened is an old one's.
  if (message._tag === "Close") return state.phase === "Open" ? end(state, "closed_by_peer", nothing) : [state, nothing]
  const [opened, opening] =
    state.phase === "Opening"
      ? open(state, message, now)
      : isMoved && message._tag !== "Connect"
        ? reconnect(state, now)
        : [state, nothing]
  const [next, actions] = message._tag === "Connect" ? answer(opened, message.number, now) : take(opened, message, now)
  return opening.length === 0 ? [next, actions] : [next, [...opening, ...actions]]
}

/** The first sign of the other. */
const open = (state: State, message: PeerMessage, now: number): Step => {
  const peer = Option.getOrElse(state.peer, () => message.from)
  const next: State = {
    ...state,
    phase: "Open",
    peer: Option.some(peer),
    heardAt: now,
    tokenSeenAt: now,
    connectSentAt: now,
  }
  return [
    next,
    state.config.dialect === "readme"
      ? [{ _tag: "Opened", peer }, send(next, connect(next)), send(next, keepAlive(next))]
      : [{ _tag: "Opened", peer }, send(next, connect(next))],
  ]
}

/** One that has moved is asked for a word: it shows that it hears us there. */
const reconnect = (state: State, now: number): Step => [{ ...state, connectSentAt: now }, [send(state, connect(state))]]

/** A CONNECT while open, or the one that opened. */
const answer = (state: State, number: number, now: number): Step => {
  const { dialect } = state.config
  // In `original` a program that has just started: only a CONNECT will do for it.
  const isNew = state.peerNumber !== number
  const known: State = {
    ...state,
    peerNumber: number,
    heardAt: dialect === "readme" || isNew ? now : state.heardAt,
    proven: state.proven && (dialect === "readme" || !isNew),
  }
  const first = dialect === "original" && isNew && number < state.config.number
  const [next, token] = first && now - known.tokenSentAt >= tokenPauseMillis ? sendToken(known, now) : [known, nothing]
  // CONNECTs that go on though none of ours was there to be echoed: what looked like a proof was an old datagram.
  const pause = dialect === "original" && next.proven ? echoMillis : resendMillis
  if (now - next.connectSentAt < pause) return [next, token]
  // In `readme` one that is open needs no CONNECT, and a restarted one is content with any word.
  const word = dialect === "readme" && next.proven ? keepAlive(next) : connect(next)
  return [{ ...next, connectSentAt: now }, [send(next, word), ...token]]
}

/** A text or a sign of life while open, or the one that opened. */
const take = (state: State, message: PeerMessage, now: number): Step => {
  const { dialect } = state.config
  if (message._tag === "Text") {
    // An older program that has given up still sends what is typed, and hears nothing: only a token shows that it does.
    const heardAt = dialect === "readme" ? now : state.heardAt
    return [{ ...state, proven: true, heardAt }, [{ _tag: "Deliver", text: message.text }]]
  }
  const next: State = { ...state, proven: true, heardAt: now }
  if (dialect === "readme") return [next, nothing]
  const seen: State = { ...next, tokenSeenAt: now, tokenSince: next.tokenSince ?? now }
  // A second token while one is here: the other believes the first one lost, and waits. Both become one, which goes back.
  const waitedFor = next.tokenSince !== undefined && now - next.tokenSentAt >= tokenPauseMillis
  return waitedFor ? sendToken(seen, now) : [seen, nothing]
}

const beat = (state: State, now: number): Step => {
  if (state.config.dialect === "readme") return [state, [send(state, keepAlive(state))]]
  const here = state.tokenSince !== undefined
  const due = here
    ? now - state.tokenSince >= tokenHoldMillis
    : now - state.tokenSeenAt >= tokenLostMillis && now - state.tokenSentAt >= tokenPauseMillis
  return due ? sendToken(state, now) : [state, nothing]
}

const sendToken = (state: State, now: number): Step => [
  { ...state, tokenSince: undefined, tokenSentAt: now },
  [send(state, keepAlive(state))],
]
