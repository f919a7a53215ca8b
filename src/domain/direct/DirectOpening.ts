/**
 * From an address typed by hand to the keys of a chat, as a pure state machine (PROTOCOL.md, section 15.2).
 *
 * ```
 *                our nonce comes back                   XX2 opens, or XX3
 * ┌────────────┐                      ┌───────────────┐                   ┌──────────┐
 * │ Connecting │ ───────────────────▶ │ Begun         │ ────────────────▶ │ Complete │
 * └────────────┘                      │ or Responding │                   └──────────┘
 *   CONNECT every 250 ms, until Complete; fragments of the last message every 500 ms, until a record of the other opens
 * ```
 *
 * Nothing is put together, and no handshake begun, for who has not shown by our nonce that it hears us: a forged source
 * address gets one CONNECT for each of its own, not longer than that, a few a second.
 *
 * Before there are keys nothing is authenticated, and whoever is on the way can add what it likes. So what is heard never
 * replaces what was heard before: a few other sides, a few first messages of each, and a few versions of each piece are
 * kept beside each other, and the oldest goes when there is no room. What had to go comes again: what is said is said
 * again until there are keys, and random bytes follow from what they are for, so the same is answered with the same. A
 * program that started anew is one more other side. Once there are keys, another handshake takes a new opening on both
 * sides.
 *
 * The service that runs this (`DirectRendezvous`) owns the socket, and passes on only what comes from the address typed.
 */
import type { Judgement, Self } from "../call/CallHandshake.ts"
import type { ChatKeys } from "../call/ChatKeys.ts"
import * as Bytes from "../crypto/Bytes.ts"
import * as Hkdf from "../crypto/Hkdf.ts"
import { kemSeedBytes, keyBytes, type Primitives } from "../crypto/Primitives.ts"
import * as TokenBucket from "../TokenBucket.ts"
import * as DirectDatagram from "./DirectDatagram.ts"
import * as DirectHandshake from "./DirectHandshake.ts"
import * as DirectPieces from "./DirectPieces.ts"

/** The pause between two CONNECTs of ours, and before an answer is said again, in milliseconds. */
export const connectMillis = 250
/** The pause before the last message is said again, in milliseconds. */
export const resendMillis = 500
/** How many other sides are kept at a time. */
export const maxOthers = 4
/** How many first messages of one other side are answered at a time. */
export const maxAnswers = 8

/** CONNECTs that are answered. */
export const answerLimit: TokenBucket.Limit = { burst: 4, perSecond: 4 }
/** Handshakes that are begun. */
export const beginLimit: TokenBucket.Limit = { burst: 4, perSecond: 4 }
/** What is computed on messages, where trying XX2 or XX3 is 1: about 50 microseconds. */
export const trialLimit: TokenBucket.Limit = { burst: 256, perSecond: 256 }
/** The same of an answer to XX1. */
export const answerCost = 8

export interface Config {
  readonly primitives: Primitives
  readonly self: Self
  /** 16 random bytes, for this opening. */
  readonly nonce: Uint8Array
  /** 32 random bytes, for this opening: the ephemeral keys of each handshake follow from it and the other's nonce. */
  readonly entropy: Uint8Array
  readonly highestSerial: Judgement["highestSerial"]
}

/** XX1 is not authenticated, so each that comes is answered. */
interface Answer {
  readonly xx1: Uint8Array
  readonly xx2: Uint8Array
  readonly answered: DirectHandshake.Answered
  readonly sentAt: number
}

type Progress =
  | { readonly _tag: "Begun"; readonly begun: DirectHandshake.Begun }
  /** The answers said last come last; none while XX1 is awaited. */
  | { readonly _tag: "Responding"; readonly answers: ReadonlyArray<Answer> }
  | { readonly _tag: "Complete" }

/** A program that has shown by our nonce that it hears us. */
export interface Other {
  readonly nonce: Uint8Array
  readonly progress: Progress
  readonly pieces: DirectPieces.Pieces
  /** The datagrams of our last message to it, and of all of them. */
  readonly last: ReadonlyArray<Uint8Array>
  readonly said: ReadonlyArray<Uint8Array>
  readonly lastSentAt: number
}

export interface State {
  readonly config: Config
  /** The oldest first. Only one once there are keys. */
  readonly others: ReadonlyArray<Other>
  readonly connectSentAt: number
  readonly answering: TokenBucket.State
  readonly beginning: TokenBucket.State
  readonly trying: TokenBucket.State
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

/** An event at one other side. */
type OtherStep = readonly [Other, ReadonlyArray<Action>]

export const initial = (config: Config): State => ({
  config,
  others: [],
  connectSentAt: -Infinity,
  answering: TokenBucket.initial(answerLimit, -Infinity),
  beginning: TokenBucket.initial(beginLimit, -Infinity),
  trying: TokenBucket.initial(trialLimit, -Infinity),
  isOver: false,
})

/** When `Due` is to be told, in milliseconds of the same clock as the events; `Infinity` if never. */
export const dueAt = (state: State): number => {
  if (state.isOver) return Infinity
  const resendsAt = state.others.map(({ last, lastSentAt }) =>
    last.length === 0 ? Infinity : lastSentAt + resendMillis,
  )
  return Math.min(hasKeys(state) ? Infinity : state.connectSentAt + connectMillis, ...resendsAt)
}

export const step = (state: State, event: Event): Step => {
  if (state.isOver) return [state, nothing]
  switch (event._tag) {
    case "Heard": {
      const datagram = DirectDatagram.decode(event.datagram)
      if (datagram === undefined || Bytes.equals(datagram.nonce, state.config.nonce)) return [state, nothing]
      return datagram._tag === "Connect"
        ? heardConnect(state, datagram, event.now)
        : heardFragment(state, datagram, event)
    }
    case "RecordOpened":
      return [{ ...state, isOver: true, others: [] }, nothing]
    case "Due":
      return due(state, event.now)
  }
}

const nothing: ReadonlyArray<Action> = []
const zeros = new Uint8Array(DirectDatagram.nonceBytes)

/** Whether there are keys. */
const hasKeys = ({ others }: State): boolean => others[0]?.progress._tag === "Complete"

const send = (datagrams: ReadonlyArray<Uint8Array>): ReadonlyArray<Action> =>
  datagrams.map((datagram) => ({ _tag: "Send", datagram }))

const connect = ({ config }: State, echo: Uint8Array): Action => ({
  _tag: "Send",
  datagram: DirectDatagram.encode({ _tag: "Connect", nonce: config.nonce, echo }),
})

const find = ({ others }: State, nonce: Uint8Array): Other | undefined =>
  others.find((other) => Bytes.equals(other.nonce, nonce))

const put = (state: State, other: Other): State => ({
  ...state,
  others: state.others.map((one) => (Bytes.equals(one.nonce, other.nonce) ? other : one)),
})

/** The bucket after so many more; none if there is not enough left in it. */
const taken = (
  limit: TokenBucket.Limit,
  bucket: TokenBucket.State,
  now: number,
  count = 1,
): TokenBucket.State | undefined => {
  const [next, wait] = TokenBucket.take(limit, bucket, count, now)
  return wait === 0 ? next : undefined
}

const isInitiator = ({ config }: State, other: Uint8Array): boolean => Bytes.compare(config.nonce, other) > 0

const noncesWith = (state: State, other: Uint8Array): DirectHandshake.Nonces =>
  isInitiator(state, other)
    ? { initiator: state.config.nonce, responder: other }
    : { initiator: other, responder: state.config.nonce }

/** Random bytes, other ones for each other side and each first message of it: no key is used in two handshakes. */
const draw = ({ config }: State, salt: Uint8Array, what: string, length: number): Uint8Array =>
  Hkdf.derive(config.primitives, { salt, ikm: config.entropy, info: `nomitm/1 direct ${what}`, length })

const heardConnect = (state: State, { nonce, echo }: DirectDatagram.Connect, now: number): Step => {
  const isProven = Bytes.equals(echo, state.config.nonce)
  if (!isProven && !Bytes.equals(echo, zeros)) return [state, nothing]
  const known = find(state, nonce)
  if (isProven && known !== undefined) {
    // It hears us. If there are keys here it has none yet, and may have forgotten how it came to that.
    const isLost = known.progress._tag === "Complete" && now - known.lastSentAt >= connectMillis
    return isLost ? [put(state, { ...known, lastSentAt: now }), send(known.said)] : [state, nothing]
  }
  const [begun, actions] = isProven ? begin(state, nonce, now) : ([state, nothing] as const)
  // Of who does not hear us nothing is kept: it is told what it said.
  const answering = hasKeys(state) ? undefined : taken(answerLimit, begun.answering, now)
  return answering === undefined ? [begun, actions] : [{ ...begun, answering }, [...actions, connect(state, nonce)]]
}

/** One more other side. */
const begin = (state: State, nonce: Uint8Array, now: number): Step => {
  const beginning = hasKeys(state) ? undefined : taken(beginLimit, state.beginning, now)
  if (beginning === undefined) return [state, nothing]
  const add = (other: Other): State => ({
    ...state,
    beginning,
    others: [...state.others.slice(1 - maxOthers), other],
  })
  const other = { nonce, pieces: [], last: [], said: [], lastSentAt: now }
  if (!isInitiator(state, nonce)) return [add({ ...other, progress: { _tag: "Responding", answers: [] } }), nothing]
  const { primitives, self } = state.config
  const begun = DirectHandshake.begin(primitives, self, noncesWith(state, nonce), {
    ephemeral: draw(state, nonce, "ephemeral", keyBytes),
    kemSeed: draw(state, nonce, "kem", kemSeedBytes),
  })
  if (begun === undefined) return [state, nothing]
  const [said, actions] = say(state, { ...other, progress: { _tag: "Begun", begun: begun.state } }, 1, begun.xx1, now)
  return [add(said), actions]
}

/** A message goes out, and again until it is answered. */
const say = (
  { config }: State,
  other: Other,
  message: DirectDatagram.Message,
  bytes: Uint8Array,
  now: number,
): OtherStep => {
  const last = DirectDatagram.fragments(message, bytes, { nonce: config.nonce, echo: other.nonce })
  return [{ ...other, last, said: [...other.said, ...last], lastSentAt: now }, send(last)]
}

type Heard = Extract<Event, { readonly _tag: "Heard" }>

const heardFragment = (state: State, fragment: DirectDatagram.Fragment, heard: Heard): Step => {
  if (!Bytes.equals(fragment.echo, state.config.nonce)) return [state, nothing]
  const { now } = heard
  const isNew = find(state, fragment.nonce) === undefined
  const [begun, actions] = isNew ? begin(state, fragment.nonce, now) : ([state, nothing] as const)
  const other = find(begun, fragment.nonce)
  if (other === undefined) return [begun, actions]
  // XX2 once more: our XX3 was lost, perhaps.
  if (other.progress._tag === "Complete") {
    const isLost = fragment.message === 2 && fragment.index === 0 && now - other.lastSentAt >= connectMillis
    return isLost ? [put(begun, { ...other, lastSentAt: now }), send(other.last)] : [begun, actions]
  }
  if (!isAwaited(other.progress, fragment.message)) return [begun, actions]
  const [pieces, wholes] = DirectPieces.add(other.pieces, fragment, now)
  let next = put(begun, { ...other, pieces })
  const all = [...actions]
  for (const whole of wholes) {
    const [after, more] = heardMessage(next, fragment, whole, heard)
    next = after
    all.push(...more)
    if (hasKeys(next)) break
  }
  return [next, all]
}

const isAwaited = (progress: Exclude<Progress, { readonly _tag: "Complete" }>, message: DirectDatagram.Message) =>
  progress._tag === "Begun" ? message === 2 : message === 1 || (message === 3 && progress.answers.length > 0)

/** A whole message. One that is not what it should be is as if it had never come. */
const heardMessage = (
  state: State,
  { nonce, message }: DirectDatagram.Fragment,
  bytes: Uint8Array,
  { now, seconds }: Heard,
): Step => {
  const other = find(state, nonce)
  if (other === undefined || other.progress._tag === "Complete") return [state, nothing]
  const { progress } = other
  const given =
    progress._tag === "Responding" && message === 1
      ? progress.answers.find(({ xx1 }) => Bytes.equals(xx1, bytes))
      : undefined
  if (progress._tag === "Responding" && given !== undefined)
    return answerAgain(state, other, progress.answers, given, now)
  const trying = taken(trialLimit, state.trying, now, message === 1 ? answerCost : 1)
  if (trying === undefined) return [state, nothing]
  const tried: State = { ...state, trying }
  if (progress._tag === "Responding" && message === 1) return answer(tried, other, progress.answers, bytes, now)
  const { primitives, highestSerial } = state.config
  const judgement = { now: seconds, highestSerial }
  if (progress._tag === "Begun") {
    const finished = DirectHandshake.finish(primitives, progress.begun, bytes, judgement)
    if (finished === undefined) return [tried, nothing]
    const [said, actions] = say(state, { ...other, pieces: [], progress: { _tag: "Complete" } }, 3, finished.xx3, now)
    return [settledOn(tried, said), [...actions, { _tag: "Established", keys: finished.keys }]]
  }
  for (const { answered } of progress.answers) {
    const keys = DirectHandshake.complete(primitives, answered, bytes, judgement)
    if (keys === undefined) continue
    const complete: Other = { ...other, pieces: [], last: [], said: [], progress: { _tag: "Complete" } }
    return [settledOn(tried, complete), [{ _tag: "Established", keys }]]
  }
  return [tried, nothing]
}

/** There are keys. What they could be derived from once more is forgotten. */
const settledOn = (state: State, other: Other): State => ({
  ...state,
  config: { ...state.config, entropy: new Uint8Array(0) },
  others: [other],
})

/** The same to the same, but not too often. */
const answerAgain = (state: State, other: Other, answers: ReadonlyArray<Answer>, given: Answer, now: number): Step => {
  const isDue = now - given.sentAt >= connectMillis
  const moved = [...answers.filter((one) => one !== given), isDue ? { ...given, sentAt: now } : given]
  const next: Other = { ...other, progress: { _tag: "Responding", answers: moved } }
  if (!isDue) return [put(state, next), nothing]
  const [said, actions] = say(state, { ...next, said: [] }, 2, given.xx2, now)
  return [put(state, said), actions]
}

const answer = (state: State, other: Other, answers: ReadonlyArray<Answer>, xx1: Uint8Array, now: number): Step => {
  const { primitives, self } = state.config
  const salt = Bytes.concat(other.nonce, primitives.sha256(xx1))
  const made = DirectHandshake.answer(primitives, self, noncesWith(state, other.nonce), xx1, {
    ephemeral: draw(state, salt, "ephemeral", keyBytes),
    kemEntropy: draw(state, salt, "kem", keyBytes),
  })
  if (made === undefined) return [state, nothing]
  const given: Answer = { xx1, xx2: made.xx2, answered: made.state, sentAt: now }
  const progress: Progress = { _tag: "Responding", answers: [...answers.slice(1 - maxAnswers), given] }
  const [said, actions] = say(state, { ...other, said: [], progress }, 2, made.xx2, now)
  return [put(state, said), actions]
}

const due = (state: State, now: number): Step => {
  const actions: Array<Action> = []
  const others = state.others.map((other) => {
    if (other.last.length === 0 || now - other.lastSentAt < resendMillis) return other
    actions.push(...send(other.last))
    return { ...other, lastSentAt: now }
  })
  const resent = { ...state, others }
  if (hasKeys(state) || now - state.connectSentAt < connectMillis) return [resent, actions]
  // Also to who is not known yet: those who are may be nobody.
  for (const echo of [zeros, ...others.map(({ nonce }) => nonce)]) actions.push(connect(state, echo))
  return [{ ...resent, connectSentAt: now }, actions]
}
