/**
 * New keys for a running chat, as a pure state machine (PROTOCOL.md, section 16.1).
 *
 * ```
 *  initiator                                                  responder
 *  ┌──────┐ after 120 s, or 2^20 counters                     ┌──────┐
 *  │ Idle │───────────┐                                       │ Idle │◀──────────────────┐
 *  └──────┘           ▼              REKEY_1, every 500 ms    └──────┘                   │
 *      ▲         ┌────────┐ ───────────────────────────────▶     │ prepare: next         │
 *      │         │ Asking │                                      ▼                       │
 *      │         └────────┘ ◀───────────────────────────── ┌──────────┐                  │
 *      │              │ adopt: current         REKEY_2     │ Answered │                  │
 *      │              ▼                                    └──────────┘                  │
 *      │         ┌──────────┐    PROBE, every 500 ms             │ advance: next becomes │
 *      └─────────│ Settling │ ───────────────────────────────▶   └── current ────────────┘
 *   a record of  └──────────┘
 *   the new epoch
 * ```
 *
 * The responder sends in the new epoch only when it knows, by a record of it, that the initiator has it. So the initiator
 * asks for a record until one comes: were its first one lost, the previous keys might be forgotten while they are in use.
 *
 * Randomness is handed in as a function; given the same bytes, the machine does the same.
 */
import * as Bytes from "../crypto/Bytes.ts"
import { kemCiphertextBytes, kemPublicKeyBytes, kemSeedBytes, keyBytes, type Primitives } from "../crypto/Primitives.ts"
import * as ChatKeys from "../call/ChatKeys.ts"
import * as HandshakeState from "../noise/HandshakeState.ts"
import * as Epoch from "./Epoch.ts"
import * as Frame from "./Frame.ts"
import { age, type Moment } from "./Moment.ts"
import * as Parts from "./Parts.ts"

/** An epoch is to be followed by another after so long, in milliseconds … */
export const epochMillis = 120_000
/** … or after so many records in one direction. */
export const epochRecords = 2 ** 20
/** An epoch that is older is not used, in milliseconds. */
export const epochLimitMillis = 180_000
/** How long the previous epoch is still read, in milliseconds. */
export const previousMillis = 30_000
/** The pause before something is sent again, in milliseconds. */
export const resendMillis = 500
/** ML-KEM takes part again after so long, in milliseconds. */
export const refreshMillis = 3_600_000
/** How long the first question about an epoch stands against another one, in milliseconds. */
export const standingMillis = 5000

/** After a message that opened nothing no other is tried for so long, in milliseconds: each costs a handshake. */
export const deafMillis = 100

/** What the machines of a chat work with. */
export interface Tools {
  readonly primitives: Primitives
  /** So many bytes that nobody can predict. */
  readonly randomBytes: (length: number) => Uint8Array
}

export interface Config {
  readonly isInitiator: boolean
  /** 16 bytes. */
  readonly callId: Uint8Array
  readonly staticSecret: Uint8Array
  /** The other's static key. */
  readonly peerStaticKey: Uint8Array
}

type Exchange =
  | { readonly _tag: "Idle" }
  | {
      readonly _tag: "Asking"
      readonly noise: HandshakeState.HandshakeState
      /** Of the ML-KEM key in the question; none without refresh. */
      readonly kemSeed: Uint8Array | undefined
      readonly frames: ReadonlyArray<Frame.Frame>
      readonly resendAt: number
    }
  | { readonly _tag: "Settling"; readonly resendAt: number }
  | {
      readonly _tag: "Answered"
      readonly question: Uint8Array
      readonly frames: ReadonlyArray<Frame.Frame>
      readonly epoch: Epoch.Epoch
      readonly at: Moment
    }

export interface State {
  readonly config: Config
  /** The current epoch, and when its keys were made. */
  readonly epoch: Epoch.Kept
  readonly startedAt: Moment
  /** When ML-KEM last took part. */
  readonly refreshedAt: Moment
  readonly exchange: Exchange
  /** What has come of the other's next message. */
  readonly parts: Parts.Parts | undefined
  /** Until when no message is tried, in milliseconds. */
  readonly deafUntil: number
  /** Until when the previous epoch is read, in milliseconds; none if there is none. */
  readonly previousUntil: number | undefined
}

export type Event =
  | { readonly _tag: "Heard"; readonly frame: Frame.RekeyPart; readonly at: Moment }
  /** A record of the current epoch has opened; `advanced`: the first, which made it the current one. */
  | { readonly _tag: "Opened"; readonly advanced: boolean; readonly at: Moment }
  /** `used`: how many counters of the current epoch are used. */
  | { readonly _tag: "Due"; readonly used: number; readonly at: Moment }

export type Action =
  | { readonly _tag: "Send"; readonly frames: ReadonlyArray<Frame.Frame> }
  /** See `KeySlots`. */
  | { readonly _tag: "Adopt"; readonly epoch: Epoch.Epoch }
  | { readonly _tag: "Prepare"; readonly epoch: Epoch.Epoch }
  | { readonly _tag: "ForgetPrevious" }
  /** The keys are too old: nothing is sent or taken with them any more. */
  | { readonly _tag: "Expired" }

export type Step = readonly [State, ReadonlyArray<Action>]

const nothing: ReadonlyArray<Action> = []
const idle: Exchange = { _tag: "Idle" }
const probe: Action = { _tag: "Send", frames: [Frame.probe] }
const pattern = "IKpsk2"
const version = 1

export const initial = (config: Config, epoch: Epoch.Kept, at: Moment): State => ({
  config,
  epoch: Epoch.kept(epoch),
  startedAt: at,
  refreshedAt: at,
  exchange: idle,
  parts: undefined,
  deafUntil: -Infinity,
  previousUntil: undefined,
})

/** When the keys will be too old to be used, by the monotonic clock, in milliseconds. */
export const limitAt = ({ startedAt }: State): number => startedAt.monotonic + epochLimitMillis + 1

/** When `Due` is the next event to come, in milliseconds of the monotonic clock. */
export const dueAt = (state: State): number => {
  const { config, exchange, previousUntil = Infinity, startedAt } = state
  const limit = limitAt(state)
  const next =
    exchange._tag === "Asking" || exchange._tag === "Settling"
      ? exchange.resendAt
      : config.isInitiator
        ? startedAt.monotonic + epochMillis
        : limit
  return Math.min(next, limit, previousUntil)
}

/** Whether `Due` should come now because of the many records. */
export const isWorn = ({ config, exchange }: State, used: number): boolean =>
  used >= epochRecords && config.isInitiator && exchange._tag === "Idle"

/** Whether the next record of the current epoch is news, whatever it says. */
export const awaitsRecord = ({ exchange }: State): boolean =>
  exchange._tag === "Settling" || exchange._tag === "Answered"

/** Whether the keys are too old to be used. */
export const isExpired = ({ startedAt }: State, at: Moment): boolean => age(startedAt, at) > epochLimitMillis

export const step = (tools: Tools, state: State, event: Event): Step => {
  switch (event._tag) {
    case "Due":
      return due(tools, state, event.used, event.at)
    case "Heard":
      return heard(tools, state, event.frame, event.at)
    case "Opened":
      return opened(state, event.advanced, event.at)
  }
}

const due = (tools: Tools, before: State, used: number, at: Moment): Step => {
  if (isExpired(before, at)) return [before, [{ _tag: "Expired" }]]
  const isOver = before.previousUntil !== undefined && at.monotonic >= before.previousUntil
  const state: State = isOver ? { ...before, previousUntil: undefined } : before
  const first: ReadonlyArray<Action> = isOver ? [{ _tag: "ForgetPrevious" }] : nothing
  const [next, actions] = dueExchange(tools, state, used, at)
  return [next, actions.length === 0 ? first : [...first, ...actions]]
}

const dueExchange = (tools: Tools, state: State, used: number, at: Moment): Step => {
  const { config, exchange, startedAt } = state
  switch (exchange._tag) {
    case "Idle":
      return config.isInitiator && (age(startedAt, at) >= epochMillis || used >= epochRecords)
        ? ask(tools, state, at)
        : [state, nothing]
    case "Asking":
    case "Settling":
      if (at.monotonic < exchange.resendAt) return [state, nothing]
      return [
        { ...state, exchange: { ...exchange, resendAt: at.monotonic + resendMillis } },
        [exchange._tag === "Asking" ? { _tag: "Send", frames: exchange.frames } : probe],
      ]
    case "Answered":
      return [state, nothing]
  }
}

/** A record of the current epoch has opened. */
const opened = (state: State, advanced: boolean, at: Moment): Step => {
  const { exchange } = state
  if (advanced && exchange._tag === "Answered") {
    return [
      {
        ...state,
        epoch: Epoch.kept(exchange.epoch),
        startedAt: exchange.at,
        exchange: idle,
        parts: undefined,
        previousUntil: at.monotonic + previousMillis,
      },
      nothing,
    ]
  }
  return exchange._tag === "Settling" ? [{ ...state, exchange: idle }, nothing] : [state, nothing]
}

const heard = (tools: Tools, state: State, frame: Frame.RekeyPart, at: Moment): Step => {
  const expected = state.config.isInitiator
    ? frame._tag === "Rekey2" && state.exchange._tag === "Asking"
    : frame._tag === "Rekey1"
  if (!expected || frame.epoch !== state.epoch.number + 1) return [state, nothing]
  const parts = Parts.add(state.parts, frame)
  const message = Parts.whole(parts)
  if (message === undefined) return [{ ...state, parts }, nothing]
  // Whatever it turns out to be: it is sent again if it was not the right one.
  const next: State = { ...state, parts: undefined }
  if (at.monotonic < state.deafUntil) return [next, nothing]
  const read = state.config.isInitiator ? accept(tools, next, message, at) : reply(tools, next, message, at)
  return read ?? [{ ...next, deafUntil: at.monotonic + deafMillis }, nothing]
}

const noiseOf = ({ primitives }: Tools, { config, epoch }: State): HandshakeState.HandshakeState =>
  HandshakeState.initialize({
    primitives,
    pattern,
    initiator: config.isInitiator,
    prologue: Bytes.concat(Bytes.ofText("nomitm/1 rekey"), config.callId, uint32(epoch.number + 1)),
    s: config.staticSecret,
    rs: config.isInitiator ? config.peerStaticKey : undefined,
    psks: [epoch.exporter],
  })

const uint32 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}

/** REKEY_1. */
const ask = (tools: Tools, state: State, at: Moment): Step => {
  const kemSeed = age(state.refreshedAt, at) >= refreshMillis ? tools.randomBytes(kemSeedBytes) : undefined
  const payload = encode(kemSeed && tools.primitives.mlKem768.publicKey(kemSeed))
  const written = HandshakeState.write(noiseOf(tools, state), payload, tools.randomBytes(keyBytes))
  // Only with a static key of the other that no handshake would have taken.
  if (written === undefined) return [state, [{ _tag: "Expired" }]]
  const frames = framesOf("Rekey1", state.epoch.number + 1, written.message)
  const resendAt = at.monotonic + resendMillis
  return [
    { ...state, parts: undefined, exchange: { _tag: "Asking", noise: written.state, kemSeed, frames, resendAt } },
    [{ _tag: "Send", frames }],
  ]
}

/** REKEY_2, and the epoch to come; none if the question opens nothing. */
const reply = (tools: Tools, state: State, question: Uint8Array, at: Moment): Step | undefined => {
  const { exchange } = state
  if (exchange._tag === "Answered") {
    if (Bytes.equals(exchange.question, question)) return [state, [{ _tag: "Send", frames: exchange.frames }]]
    if (age(exchange.at, at) < standingMillis) return [state, nothing]
  }
  const read = HandshakeState.read(noiseOf(tools, state), question)
  const { remoteStatic } = read?.state ?? {}
  if (read === undefined || !remoteStatic || !Bytes.equals(remoteStatic, state.config.peerStaticKey)) return undefined
  const asked = decode(read.payload, kemPublicKeyBytes)
  if (asked === undefined) return undefined
  const kem = asked.kem && tools.primitives.mlKem768.encapsulate(asked.kem, tools.randomBytes(keyBytes))
  if (asked.kem !== undefined && kem === undefined) return undefined
  const written = HandshakeState.write(read.state, encode(kem?.ciphertext), tools.randomBytes(keyBytes))
  if (written === undefined) return undefined
  const epoch = epochOf(tools, state, written.state, kem?.sharedSecret)
  const frames = framesOf("Rekey2", epoch.number, written.message)
  return [
    { ...state, exchange: { _tag: "Answered", question, frames, epoch, at } },
    [
      { _tag: "Prepare", epoch },
      { _tag: "Send", frames },
    ],
  ]
}

/** The new epoch; none if the answer opens nothing. */
const accept = (tools: Tools, state: State, answer: Uint8Array, at: Moment): Step | undefined => {
  const { exchange } = state
  const read = exchange._tag === "Asking" ? HandshakeState.read(exchange.noise, answer) : undefined
  if (exchange._tag !== "Asking" || read === undefined) return undefined
  const { kemSeed } = exchange
  const answered = decode(read.payload, kemCiphertextBytes)
  if (answered === undefined || (answered.kem === undefined) !== (kemSeed === undefined)) return undefined
  const kemSecret = kemSeed && answered.kem && tools.primitives.mlKem768.decapsulate(kemSeed, answered.kem)
  const epoch = epochOf(tools, state, read.state, kemSecret)
  return [
    {
      ...state,
      epoch: Epoch.kept(epoch),
      startedAt: at,
      refreshedAt: kemSeed === undefined ? state.refreshedAt : at,
      exchange: { _tag: "Settling", resendAt: at.monotonic + resendMillis },
      previousUntil: at.monotonic + previousMillis,
    },
    [{ _tag: "Adopt", epoch }, probe],
  ]
}

const none = new Uint8Array(0)

const epochOf = (
  { primitives }: Tools,
  { epoch }: State,
  noise: HandshakeState.HandshakeState,
  kemSecret: Uint8Array = none,
): Epoch.Epoch => Epoch.make(epoch.number + 1, ChatKeys.derive(primitives, noise, kemSecret))

const framesOf = (_tag: Frame.RekeyPart["_tag"], epoch: number, message: Uint8Array): ReadonlyArray<Frame.RekeyPart> =>
  Parts.cut(message, Frame.maxRekeyPartBytes).map(({ part, parts, bytes }) => ({ _tag, epoch, part, parts, bytes }))

/** version 1 (= 1) | refresh 1 (0 or 1) | ML-KEM public key or ciphertext if refresh */
const encode = (kem: Uint8Array = none): Uint8Array =>
  Bytes.concat(Uint8Array.of(version, kem.length === 0 ? 0 : 1), kem)

const decode = (payload: Uint8Array, kemBytes: number): { readonly kem: Uint8Array | undefined } | undefined => {
  if (payload[0] !== version) return undefined
  if (payload[1] === 0 && payload.length === 2) return { kem: undefined }
  return payload[1] === 1 && payload.length === 2 + kemBytes ? { kem: payload.subarray(2) } : undefined
}
