/**
 * From an address typed by hand to the keys of a chat, as a pure state machine (PROTOCOL.md, section 15.2).
 *
 * ```
 *             CONNECT every 250 ms                   fragments of the last message every 500 ms
 *           ┌────────────┐  our nonce comes back   ┌─────────────┐  handshake complete   ┌─────────────┐
 *           │ Connecting │ ──────────────────────▶ │ Handshaking │ ────────────────────▶ │ Established │
 *           └────────────┘                         └─────────────┘                       └─────────────┘
 * ```
 *
 * Nothing is put together, and no handshake begun, for who has not shown by our nonce that it hears us: a forged source
 * address gets one CONNECT for each of its own, and no more bytes than it sent. A program that started anew, and has
 * heard us, gets a new handshake until there are keys.
 *
 * The service that runs this (`DirectRendezvous`) owns the socket, and passes on only what comes from the address typed.
 */
import type { Judgement, Self } from "../call/CallHandshake.ts"
import type { ChatKeys } from "../call/ChatKeys.ts"
import * as Bytes from "../crypto/Bytes.ts"
import * as Hkdf from "../crypto/Hkdf.ts"
import { kemSeedBytes, keyBytes, type Primitives } from "../crypto/Primitives.ts"
import * as DirectDatagram from "./DirectDatagram.ts"
import * as DirectHandshake from "./DirectHandshake.ts"

/** The pause between two CONNECTs, and the least pause between two answers to one, in milliseconds. */
export const connectMillis = 250
/** The pause before the last message is sent again, in milliseconds. */
export const resendMillis = 500
/** How many first messages of one other side are answered. */
export const maxAnswers = 4
/** How long the pieces of a message may take to arrive, in milliseconds. */
export const assembleMillis = 5000

export interface Config {
  readonly primitives: Primitives
  readonly self: Self
  /** 16 random bytes, for this opening. */
  readonly nonce: Uint8Array
  /** 32 random bytes, for this opening: the ephemeral keys of each handshake follow from it and the other's nonce. */
  readonly entropy: Uint8Array
  readonly highestSerial: Judgement["highestSerial"]
}

/** The pieces of one message, as far as they are here. */
interface Assembly {
  readonly message: number
  readonly count: number
  readonly pieces: ReadonlyMap<number, Uint8Array>
  readonly since: number
}

/** XX1 is not authenticated: whoever is on the way can change it. So each that comes is answered, a few of them. */
interface Answer {
  readonly xx1: Uint8Array
  readonly xx2: Uint8Array
  readonly answered: DirectHandshake.Answered
}

type Progress =
  | { readonly _tag: "Begun"; readonly begun: DirectHandshake.Begun }
  | { readonly _tag: "Awaiting" }
  | { readonly _tag: "Answered"; readonly answers: ReadonlyArray<Answer> }
  | { readonly _tag: "Complete" }

export interface State {
  readonly config: Config
  /** The other's nonce, once it has sent ours back. */
  readonly other: Uint8Array | undefined
  readonly progress: Progress | undefined
  readonly assembly: Assembly | undefined
  /** The datagrams of the last message of ours. */
  readonly last: ReadonlyArray<Uint8Array>
  readonly lastSentAt: number
  readonly connectSentAt: number
  /** When a CONNECT was last answered. */
  readonly answeredAt: number
  /** When the last handshake was begun. */
  readonly begunAt: number
  /** A record of the other has opened: nothing is said again. */
  readonly isOver: boolean
}

export type Event =
  /** A datagram from the address typed; `seconds` is the time of day, since 1970, for certificates. */
  | { readonly _tag: "Heard"; readonly datagram: Uint8Array; readonly now: number; readonly seconds: number }
  /** The first record of the other has opened. */
  | { readonly _tag: "RecordOpened" }
  | { readonly _tag: "Due"; readonly now: number }

export type Action =
  | { readonly _tag: "Send"; readonly datagram: Uint8Array }
  | { readonly _tag: "Established"; readonly keys: ChatKeys }

export type Step = readonly [State, ReadonlyArray<Action>]

export const initial = (config: Config): State => ({
  config,
  other: undefined,
  progress: undefined,
  assembly: undefined,
  last: [],
  lastSentAt: -Infinity,
  connectSentAt: -Infinity,
  answeredAt: -Infinity,
  begunAt: -Infinity,
  isOver: false,
})

/** When `Due` is to be told, in milliseconds of the same clock as the events; `Infinity` if never. */
export const dueAt = (state: State): number => {
  if (state.isOver) return Infinity
  const resendAt = state.last.length === 0 ? Infinity : state.lastSentAt + resendMillis
  return Math.min(resendAt, isConnecting(state) ? state.connectSentAt + connectMillis : Infinity)
}

export const step = (state: State, event: Event): Step => {
  if (state.isOver) return [state, nothing]
  switch (event._tag) {
    case "Heard": {
      const datagram = DirectDatagram.decode(event.datagram)
      if (datagram === undefined) return [state, nothing]
      return datagram._tag === "Connect"
        ? heardConnect(state, datagram.nonce, datagram.echo, event.now)
        : heardFragment(state, datagram, event)
    }
    case "RecordOpened":
      return [{ ...state, isOver: true, last: [], assembly: undefined }, nothing]
    case "Due":
      return due(state, event.now)
  }
}

const nothing: ReadonlyArray<Action> = []
const zeros = new Uint8Array(DirectDatagram.nonceBytes)

/** Until the first message of a handshake is here, or on its way. */
const isConnecting = ({ progress }: State): boolean =>
  progress === undefined || progress._tag === "Awaiting" || progress._tag === "Begun"

const connect = (state: State, echo: Uint8Array): Action => ({
  _tag: "Send",
  datagram: DirectDatagram.encode({ _tag: "Connect", nonce: state.config.nonce, echo }),
})

const isInitiator = (state: State, other: Uint8Array): boolean => Bytes.compare(state.config.nonce, other) > 0

const noncesWith = (state: State, other: Uint8Array): DirectHandshake.Nonces =>
  isInitiator(state, other)
    ? { initiator: state.config.nonce, responder: other }
    : { initiator: other, responder: state.config.nonce }

/** Random bytes, other ones for each other side and each first message of it: no key is used in two handshakes. */
const draw = ({ config }: State, salt: Uint8Array, what: string, length: number): Uint8Array =>
  Hkdf.derive(config.primitives, { salt, ikm: config.entropy, info: `nomitm/1 direct ${what}`, length })

const heardConnect = (state: State, nonce: Uint8Array, echo: Uint8Array, now: number): Step => {
  const own = state.config.nonce
  const isProven = Bytes.equals(echo, own)
  if (Bytes.equals(nonce, own) || (!isProven && !Bytes.equals(echo, zeros))) return [state, nothing]
  const isKnown = state.other !== undefined && Bytes.equals(nonce, state.other)
  const mayBegin = isProven && !isKnown && state.progress?._tag !== "Complete" && now - state.begunAt >= connectMillis
  const [begun, actions] = mayBegin ? begin(state, nonce, now) : ([state, nothing] as const)
  // Who hears us needs no answer but the handshake; of who does not, nothing is kept: it is told what it said.
  if ((isProven && isKnown) || now - begun.answeredAt < connectMillis) return [begun, actions]
  return [{ ...begun, answeredAt: now }, [...actions, connect(begun, nonce)]]
}

/** The first handshake, or the one with a program that started anew. */
const begin = (state: State, other: Uint8Array, now: number): Step => {
  const known: State = {
    ...state,
    other,
    assembly: undefined,
    last: [],
    begunAt: now,
    progress: { _tag: "Awaiting" },
  }
  if (!isInitiator(state, other)) return [known, nothing]
  const { primitives, self } = state.config
  const begun = DirectHandshake.begin(primitives, self, noncesWith(state, other), {
    ephemeral: draw(state, other, "ephemeral", keyBytes),
    kemSeed: draw(state, other, "kem", kemSeedBytes),
  })
  return begun === undefined
    ? [state, nothing]
    : say({ ...known, progress: { _tag: "Begun", begun: begun.state } }, 1, begun.xx1, now)
}

/** A message goes out, and again until it is answered. */
const say = (state: State, message: number, bytes: Uint8Array, now: number): Step => {
  const last = DirectDatagram.fragments(message, bytes, state.other!)
  return [{ ...state, last, lastSentAt: now }, last.map((datagram) => ({ _tag: "Send", datagram }))]
}

const resend = (state: State, now: number): Step => [
  { ...state, lastSentAt: now },
  state.last.map((datagram) => ({ _tag: "Send", datagram })),
]

const heardFragment = (
  state: State,
  fragment: DirectDatagram.Fragment,
  { now, seconds }: Extract<Event, { readonly _tag: "Heard" }>,
): Step => {
  if (state.other === undefined || !Bytes.equals(fragment.echo, state.config.nonce)) return [state, nothing]
  // XX2 once more: our XX3 was lost, perhaps.
  if (state.progress?._tag === "Complete") {
    const isLost = fragment.message === 2 && fragment.index === 0 && now - state.lastSentAt >= connectMillis
    return isLost ? resend(state, now) : [state, nothing]
  }
  if (!isAwaited(state, fragment.message)) return [state, nothing]
  const [assembled, bytes] = assemble(state, fragment, now)
  return bytes === undefined ? [assembled, nothing] : heardMessage(assembled, fragment.message, bytes, now, seconds)
}

const isAwaited = ({ progress }: State, message: number): boolean => {
  switch (progress?._tag) {
    case "Awaiting":
      return message === 1
    case "Begun":
      return message === 2
    case "Answered":
      return message === 1 || message === 3
    default:
      return false
  }
}

/**
 * One message at a time, of at most four pieces: whatever else is sent takes its place, or is dropped. A piece that was
 * changed on the way is replaced by the genuine one, so all are kept until the next message is awaited.
 */
const assemble = (
  state: State,
  { message, index, count, piece }: DirectDatagram.Fragment,
  now: number,
): readonly [State, Uint8Array | undefined] => {
  const { assembly } = state
  const goesOn = assembly?.message === message && assembly.count === count && now - assembly.since < assembleMillis
  const pieces = new Map(goesOn ? assembly.pieces : [])
  pieces.set(index, piece)
  const next = { ...state, assembly: { message, count, pieces, since: goesOn ? assembly.since : now } }
  return pieces.size < count
    ? [next, undefined]
    : [next, Bytes.concat(...Array.from({ length: count }, (_, i) => pieces.get(i)!))]
}

/** A whole message. One that is not what it should be is as if it had never come. */
const heardMessage = (state: State, message: number, bytes: Uint8Array, now: number, seconds: number): Step => {
  const { progress, config } = state
  const { primitives, highestSerial } = config
  const judgement = { now: seconds, highestSerial }
  if (message === 1) return answer(state, progress?._tag === "Answered" ? progress.answers : [], bytes, now)
  if (progress?._tag === "Begun") {
    const finished = DirectHandshake.finish(primitives, progress.begun, bytes, judgement)
    if (finished === undefined) return [state, nothing]
    const [said, actions] = say({ ...state, progress: { _tag: "Complete" } }, 3, finished.xx3, now)
    return [said, [...actions, { _tag: "Established", keys: finished.keys }]]
  }
  if (progress?._tag !== "Answered") return [state, nothing]
  for (const { answered } of progress.answers) {
    const keys = DirectHandshake.complete(primitives, answered, bytes, judgement)
    if (keys === undefined) continue
    return [{ ...state, progress: { _tag: "Complete" }, last: [] }, [{ _tag: "Established", keys }]]
  }
  return [state, nothing]
}

const answer = (state: State, answers: ReadonlyArray<Answer>, xx1: Uint8Array, now: number): Step => {
  const { primitives, self } = state.config
  const other = state.other!
  const given = answers.find((answer) => Bytes.equals(answer.xx1, xx1))
  if (given !== undefined) {
    return now - state.lastSentAt >= connectMillis ? say(state, 2, given.xx2, now) : [state, nothing]
  }
  if (answers.length >= maxAnswers) return [state, nothing]
  const salt = Bytes.concat(other, primitives.sha256(xx1))
  const made = DirectHandshake.answer(primitives, self, noncesWith(state, other), xx1, {
    ephemeral: draw(state, salt, "ephemeral", keyBytes),
    kemEntropy: draw(state, salt, "kem", keyBytes),
  })
  if (made === undefined) return [state, nothing]
  const progress: Progress = { _tag: "Answered", answers: [...answers, { xx1, xx2: made.xx2, answered: made.state }] }
  return say({ ...state, progress }, 2, made.xx2, now)
}

const due = (state: State, now: number): Step => {
  const [resent, again] =
    state.last.length > 0 && now - state.lastSentAt >= resendMillis ? resend(state, now) : ([state, nothing] as const)
  if (!isConnecting(resent) || now - resent.connectSentAt < connectMillis) return [resent, again]
  return [{ ...resent, connectSentAt: now }, [...again, connect(resent, resent.other ?? zeros)]]
}
