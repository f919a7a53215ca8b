/**
 * Verifying by voice: two people compare a short string, as a pure state machine (PROTOCOL.md, section 17).
 *
 * ```
 *  initiator                                         responder
 *  ┌──────┐        SAS_REQUEST, if it is its person's wish   ┌──────┐
 *  │ Idle │ ◀─────────────────────────────────────────────── │ Idle │
 *  └──────┘                                                  └──────┘
 *      │ draws rA          SAS_COMMIT: H(h | rA)                 │
 *      ▼          ───────────────────────────────────────▶       │ draws rB
 *  ┌───────────┐                                                 ▼
 *  │ Committed │           SAS_REPLY: rB                     ┌─────────┐
 *  └───────────┘  ◀───────────────────────────────────────   │ Replied │
 *      │ ready                                               └─────────┘
 *      ▼                   SAS_REVEAL: rA                        │ checks the commitment
 *  ┌──────────┐   ───────────────────────────────────────▶       ▼ ready
 *  │ Revealed │                                              ┌──────┐
 *  └──────────┘                                              │ Idle │
 *                                                            └──────┘
 * ```
 *
 * Whoever sits in between has to make two runs come to the same 33 bits. The order leaves no room for that: rA is fixed
 * before rB is known, and rB is drawn before rA is. So one guess a run is left, and a run that does not come to its end
 * counts as a wrong one: three end the chat.
 *
 * Randomness is handed in as a function; given the same bytes, the machine does the same.
 */
import * as Bytes from "../crypto/Bytes.ts"
import * as Hkdf from "../crypto/Hkdf.ts"
import * as Labelled from "../crypto/Labelled.ts"
import type { Hash } from "../crypto/Primitives.ts"
import { type Frame, type SasFrame, sasBytes, sasRequest } from "../record/Frame.ts"

/** The pause before something is sent again, in milliseconds. */
export const resendMillis = 500
/** How long an answer is awaited, in milliseconds. */
export const patienceMillis = 10_000
/**
 * How long after its last word a run is not followed by another, in milliseconds: the other side may still wait for that
 * word, and what asks for a new run may be an old request.
 */
export const quietMillis = 2000
/** So many runs that fail end the chat. */
export const maxFailures = 3
/** Runs are counted in one byte. */
const lastRun = 255

export interface Tools {
  readonly primitives: Hash
  readonly randomBytes: (length: number) => Uint8Array
}

export interface Config {
  readonly isInitiator: boolean
  /** Of the handshake, 32 bytes. */
  readonly h: Uint8Array
  /** The secret of the handshake that is for this, 32 bytes. */
  readonly sas: Uint8Array
}

type Phase =
  | { readonly _tag: "Idle" }
  | { readonly _tag: "Requested"; readonly resendAt: number; readonly giveUpAt: number }
  | {
      readonly _tag: "Committed"
      readonly rA: Uint8Array
      readonly commitment: Uint8Array
      readonly resendAt: number
      readonly giveUpAt: number
    }
  | { readonly _tag: "Revealed"; readonly rA: Uint8Array; readonly rB: Uint8Array; readonly quietUntil: number }
  | {
      readonly _tag: "Replied"
      readonly commitment: Uint8Array
      readonly rB: Uint8Array
      readonly resendAt: number
      readonly giveUpAt: number
    }

export interface State {
  readonly config: Config
  readonly phase: Phase
  /** The number of the last run that began; 0 before the first. */
  readonly run: number
  readonly failures: number
  /** A run is wanted as soon as there may be one. */
  readonly wanted: boolean
}

export type Event =
  | { readonly _tag: "Start"; readonly now: number }
  | { readonly _tag: "Heard"; readonly frame: SasFrame; readonly now: number }
  | { readonly _tag: "Due"; readonly now: number }

/**
 * Why there is nothing to compare: the other side did not answer, ended the run, began another one before its end, or
 * revealed another number than it had committed to; or all runs are used up.
 */
export type Failure = "no_answer" | "aborted" | "restarted" | "mismatch" | "too_many_runs"

export type Action =
  | { readonly _tag: "Send"; readonly frame: Frame }
  /** What both sides compare: 33 bits. */
  | { readonly _tag: "Ready"; readonly value: number }
  | { readonly _tag: "Failed"; readonly why: Failure }
  /** Three runs have failed: somebody may be guessing. */
  | { readonly _tag: "GiveUpChat" }

export type Step = readonly [State, ReadonlyArray<Action>]

const nothing: ReadonlyArray<Action> = []
const idle: Phase = { _tag: "Idle" }
const send = (frame: Frame): Action => ({ _tag: "Send", frame })

export const initial = (config: Config): State => ({ config, phase: idle, run: 0, failures: 0, wanted: false })

/**
 * Goes on with another handshake of the same two. What has failed stays failed, or whoever sits in between would get
 * new guesses by cutting the way; so has a run that was not at its end.
 */
export const resumed = ({ phase, failures, wanted }: State, config: Config): Step => {
  const anew = { ...initial(config), failures }
  switch (phase._tag) {
    case "Idle":
      return [anew, nothing]
    case "Requested":
      return [anew, [{ _tag: "Failed", why: "no_answer" }]]
    case "Revealed":
      // Of this run both may know; the next that was wanted has not begun.
      return [anew, wanted ? [{ _tag: "Failed", why: "no_answer" }] : nothing]
    case "Committed":
    case "Replied":
      return fail(anew, "no_answer")
  }
}

/** When `Due` is the next event to come, in milliseconds. */
export const dueAt = ({ phase, wanted }: State): number => {
  switch (phase._tag) {
    case "Idle":
      return Infinity
    case "Revealed":
      return wanted ? phase.quietUntil : Infinity
    case "Requested":
    case "Committed":
    case "Replied":
      return Math.min(phase.resendAt, phase.giveUpAt)
  }
}

export const step = (tools: Tools, state: State, event: Event): Step => {
  switch (event._tag) {
    case "Start":
      return start(tools, state, event.now, true)
    case "Heard":
      return state.config.isInitiator
        ? initiatorHears(tools, state, event.frame, event.now)
        : responderHears(tools, state, event.frame, event.now)
    case "Due":
      return due(tools, state, event.now)
  }
}

/** @param own it is the wish of our person, which is kept if it can't be followed at once */
const start = (tools: Tools, state: State, now: number, own: boolean): Step => {
  const { phase, config } = state
  if (phase._tag === "Revealed" && now < phase.quietUntil) {
    return own ? [{ ...state, wanted: true }, nothing] : [state, nothing]
  }
  if (phase._tag !== "Idle" && phase._tag !== "Revealed") return [state, nothing]
  if (state.run === lastRun) return [{ ...state, wanted: false }, [{ _tag: "Failed", why: "too_many_runs" }]]
  const times = { resendAt: now + resendMillis, giveUpAt: now + patienceMillis }
  if (!config.isInitiator) return [{ ...state, phase: { _tag: "Requested", ...times } }, [send(sasRequest)]]
  const rA = tools.randomBytes(sasBytes)
  const commitment = commit(tools.primitives, config.h, rA)
  const run = state.run + 1
  return [
    { ...state, run, wanted: false, phase: { _tag: "Committed", rA, commitment, ...times } },
    [send({ _tag: "SasCommit", run, commitment })],
  ]
}

const initiatorHears = (tools: Tools, state: State, frame: SasFrame, now: number): Step => {
  const { phase, run } = state
  if (frame._tag === "SasRequest") return start(tools, state, now, false)
  if (frame.run !== run || (phase._tag !== "Committed" && phase._tag !== "Revealed")) return [state, nothing]
  if (frame._tag === "SasAbort") return fail(state, "aborted")
  if (frame._tag !== "SasReply") return [state, nothing]
  const { rA } = phase
  const reveal = send({ _tag: "SasReveal", run, nonce: rA })
  const quietUntil = now + quietMillis
  if (phase._tag === "Revealed") {
    // rA is known by now: whoever answers with another rB has chosen it.
    if (!Bytes.equals(phase.rB, frame.nonce)) return [state, nothing]
    return [{ ...state, phase: { ...phase, quietUntil } }, [reveal]]
  }
  const rB = Uint8Array.from(frame.nonce)
  return [
    { ...state, phase: { _tag: "Revealed", rA, rB, quietUntil } },
    [reveal, { _tag: "Ready", value: valueOf(tools.primitives, state.config, rA, rB) }],
  ]
}

const responderHears = (tools: Tools, state: State, frame: SasFrame, now: number): Step => {
  const { phase, run } = state
  switch (frame._tag) {
    case "SasCommit": {
      if (frame.run > run) return replyTo(tools, state, frame.run, frame.commitment, now)
      if (frame.run !== run || phase._tag !== "Replied") return [state, nothing]
      return Bytes.equals(phase.commitment, frame.commitment)
        ? [state, [send({ _tag: "SasReply", run, nonce: phase.rB })]]
        : fail(state, "restarted", abort(run))
    }
    case "SasReveal": {
      if (frame.run !== run || phase._tag !== "Replied") return [state, nothing]
      const { primitives } = tools
      if (!Bytes.equals(commit(primitives, state.config.h, frame.nonce), phase.commitment)) {
        return fail(state, "mismatch", abort(run))
      }
      const value = valueOf(primitives, state.config, frame.nonce, phase.rB)
      return [{ ...state, phase: idle }, [{ _tag: "Ready", value }]]
    }
    case "SasAbort":
      return frame.run === run && phase._tag === "Replied" ? fail(state, "aborted") : [state, nothing]
    case "SasReply":
    case "SasRequest":
      return [state, nothing]
  }
}

/** A new run begins; one that was not at its end has failed. */
const replyTo = (tools: Tools, before: State, run: number, commitment: Uint8Array, now: number): Step => {
  const [state, failed] = before.phase._tag === "Replied" ? fail(before, "restarted") : [before, nothing]
  if (state.failures >= maxFailures) return [state, failed]
  const rB = tools.randomBytes(sasBytes)
  const phase: Phase = {
    _tag: "Replied",
    commitment: Uint8Array.from(commitment),
    rB,
    resendAt: now + resendMillis,
    giveUpAt: now + patienceMillis,
  }
  return [{ ...state, run, phase }, [...failed, send({ _tag: "SasReply", run, nonce: rB })]]
}

const due = (tools: Tools, state: State, now: number): Step => {
  const { phase, run } = state
  if (now < dueAt(state)) return [state, nothing]
  switch (phase._tag) {
    case "Idle":
      return [state, nothing]
    case "Revealed":
      return start(tools, state, now, true)
    case "Requested":
      // No run began, so none has failed.
      if (now >= phase.giveUpAt) return [{ ...state, phase: idle }, [{ _tag: "Failed", why: "no_answer" }]]
      return [{ ...state, phase: { ...phase, resendAt: now + resendMillis } }, [send(sasRequest)]]
    case "Committed":
      if (now >= phase.giveUpAt) return fail(state, "no_answer", abort(run))
      return [
        { ...state, phase: { ...phase, resendAt: now + resendMillis } },
        [send({ _tag: "SasCommit", run, commitment: phase.commitment })],
      ]
    case "Replied":
      if (now >= phase.giveUpAt) return fail(state, "no_answer", abort(run))
      return [
        { ...state, phase: { ...phase, resendAt: now + resendMillis } },
        [send({ _tag: "SasReply", run, nonce: phase.rB })],
      ]
  }
}

const abort = (run: number): Action => send({ _tag: "SasAbort", run })

const fail = (state: State, why: Failure, ...first: ReadonlyArray<Action>): Step => {
  const failures = state.failures + 1
  const actions: ReadonlyArray<Action> = [...first, { _tag: "Failed", why }]
  return [
    { ...state, phase: idle, wanted: false, failures },
    failures < maxFailures ? actions : [...actions, { _tag: "GiveUpChat" }],
  ]
}

const commit = (hash: Hash, h: Uint8Array, rA: Uint8Array): Uint8Array =>
  Labelled.sha256(hash, "nomitm/1 sas commit", h, rA)

const label = Bytes.ofText("nomitm/1 sas string")
const noSalt = new Uint8Array(0)

const valueOf = (hash: Hash, { h, sas }: Config, rA: Uint8Array, rB: Uint8Array): number => {
  const bytes = Hkdf.derive(hash, { salt: noSalt, ikm: sas, info: Bytes.concat(label, h, rA, rB), length: 5 })
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) * 2 + (bytes[4]! >>> 7)
}

/** A value as three numbers of 11 bits, first bits first: places in a list of 2,048 words. */
export const indices = (value: number): readonly [number, number, number] => [
  Math.floor(value / 2 ** 22),
  Math.floor(value / 2 ** 11) % 2048,
  value % 2048,
]

/** A value as ten decimal digits. */
export const digits = (value: number): string => value.toString().padStart(10, "0")
