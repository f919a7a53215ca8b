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
 * **For a chat that goes on** (section 15.4) there is an opening all the while that it runs: it answers, and says something
 * by itself only for a moment after each `Seek`. There are keys only if it is the same person, who goes on with the same
 * chat; what anybody else says is as if it had never come, and an other side is dropped after a while, so that nothing is
 * said to it for ever.
 *
 * The services that run this, `DirectRendezvous` and `DirectResumption`, pass on only what comes from where the other side
 * may be.
 */
import * as Bytes from "../crypto/Bytes.ts"
import * as Hkdf from "../crypto/Hkdf.ts"
import { kemSeedBytes, keyBytes } from "../crypto/Primitives.ts"
import * as TokenBucket from "../TokenBucket.ts"
import * as DirectDatagram from "./DirectDatagram.ts"
import * as DirectHandshake from "./DirectHandshake.ts"
import type { Action, Answer, Config, Event, Other, Progress, State, Step } from "./DirectOpeningState.ts"
import * as DirectPieces from "./DirectPieces.ts"

export type { Action, Config, Event, Other, State, Step } from "./DirectOpeningState.ts"

/** The pause between two CONNECTs of ours, and before an answer is said again, in milliseconds. */
export const connectMillis = 250
/** The pause before the last message is said again, in milliseconds. */
export const resendMillis = 500
/** How long CONNECT is said after `Seek`, in milliseconds: three times. */
export const seekMillis = 3 * connectMillis
/** How long an other side is kept where a chat goes on, in milliseconds. */
export const otherMillis = 10_000
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

/** An event at one other side. */
type OtherStep = readonly [Other, ReadonlyArray<Action>]

export const initial = (config: Config): State => ({
  config,
  others: [],
  connectSentAt: -Infinity,
  seeksUntil: config.resumes === undefined ? Infinity : -Infinity,
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
  return Math.min(connectAt(state), ...resendsAt)
}

/** When CONNECT is said next. */
const connectAt = (state: State): number => {
  const at = state.connectSentAt + connectMillis
  return at < state.seeksUntil && !hasKeys(state) ? at : Infinity
}

export const step = (before: State, event: Event): Step => {
  if (before.isOver) return [before, nothing]
  const state = event._tag === "RecordOpened" ? before : withoutOld(before, event.now)
  switch (event._tag) {
    case "Heard": {
      const datagram = DirectDatagram.decode(event.datagram)
      if (datagram === undefined || Bytes.equals(datagram.nonce, state.config.nonce)) return [state, nothing]
      return datagram._tag === "Connect"
        ? heardConnect(state, datagram, event.now)
        : heardFragment(state, datagram, event)
    }
    case "Seek":
      return due({ ...state, seeksUntil: event.now + seekMillis }, event.now)
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

/** Where a chat goes on, other sides that nothing came of do not stay. */
const withoutOld = (state: State, now: number): State => {
  if (state.config.resumes === undefined || hasKeys(state)) return state
  const others = state.others.filter(({ since }) => now - since < otherMillis)
  return others.length === state.others.length ? state : { ...state, others }
}

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
  const other = { nonce, pieces: [], since: now, last: [], said: [], lastSentAt: now }
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
  const { primitives, highestSerial, resumes } = state.config
  const judgement = { now: seconds, highestSerial }
  if (progress._tag === "Begun") {
    const finished = DirectHandshake.finish(primitives, progress.begun, bytes, judgement, resumes?.chatId)
    if (finished === undefined) return [tried, nothing]
    const purpose = judge(state.config, finished)
    if (purpose !== "Same") return disagreed(tried, nonce, purpose, finished.xx3, now)
    const [said, actions] = say(state, { ...other, pieces: [], progress: { _tag: "Complete" } }, 3, finished.xx3, now)
    return [settledOn(tried, said), [...actions, { _tag: "Established", keys: finished.keys }]]
  }
  for (const { answered } of progress.answers) {
    const completed = DirectHandshake.complete(primitives, answered, bytes, judgement)
    if (completed === undefined) continue
    const purpose = judge(state.config, completed)
    if (purpose !== "Same") return disagreed(tried, nonce, purpose)
    const complete: Other = { ...other, pieces: [], last: [], said: [], progress: { _tag: "Complete" } }
    return [settledOn(tried, complete), [{ _tag: "Established", keys: completed.keys }]]
  }
  return [tried, nothing]
}

/** Whether both want to talk, or to go on with the same chat. */
const judge = (
  { resumes: own }: Config,
  { keys, resumes: theirs }: DirectHandshake.Established,
): "Same" | "Forgotten" | "Another" => {
  if (own === undefined) return theirs === undefined ? "Same" : "Another"
  if (keys.peer.id !== own.with) return "Another"
  return theirs !== undefined && Bytes.equals(theirs, own.chatId) ? "Same" : "Forgotten"
}

/**
 * Somebody is there, and for something else. Whoever is in between may have used a nonce that is another's: what is
 * awaited from there is awaited further. By XX3 the other side learns of it, too, unless it is a stranger to the chat here.
 */
const disagreed = (
  state: State,
  echo: Uint8Array,
  purpose: "Forgotten" | "Another",
  xx3?: Uint8Array,
  now = 0,
): Step => {
  const actions: ReadonlyArray<Action> = purpose === "Forgotten" ? [{ _tag: "Forgotten" }] : nothing
  const isStranger = purpose === "Another" && state.config.resumes !== undefined
  const answering = xx3 === undefined || isStranger ? undefined : taken(answerLimit, state.answering, now)
  if (xx3 === undefined || answering === undefined) return [state, actions]
  const datagrams = DirectDatagram.fragments(3, xx3, { nonce: state.config.nonce, echo })
  return [{ ...state, answering }, [...send(datagrams), ...actions]]
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
  const { primitives, self, resumes } = state.config
  const salt = Bytes.concat(other.nonce, primitives.sha256(xx1))
  const entropy = {
    ephemeral: draw(state, salt, "ephemeral", keyBytes),
    kemEntropy: draw(state, salt, "kem", keyBytes),
  }
  const nonces = noncesWith(state, other.nonce)
  const made = DirectHandshake.answer(primitives, self, nonces, xx1, entropy, resumes?.chatId)
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
  if (connectAt(state) > now) return [resent, actions]
  // Also to who is not known yet: those who are may be nobody.
  for (const echo of [zeros, ...others.map(({ nonce }) => nonce)]) actions.push(connect(state, echo))
  return [{ ...resent, connectSentAt: now }, actions]
}
