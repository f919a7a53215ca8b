/**
 * What an opening without a server keeps, is told, and wants done: the words of `DirectOpening`.
 */
import type { Judgement, Self } from "../call/CallHandshake.ts"
import type { ChatKeys } from "../call/ChatKeys.ts"
import type { Primitives } from "../crypto/Primitives.ts"
import type { PersonId } from "../identity/PersonId.ts"
import type * as TokenBucket from "../TokenBucket.ts"
import type * as DirectHandshake from "./DirectHandshake.ts"
import type * as DirectPieces from "./DirectPieces.ts"

export interface Config {
  readonly primitives: Primitives
  readonly self: Self
  /** 16 random bytes, for this opening. */
  readonly nonce: Uint8Array
  /** 32 random bytes, for this opening: the ephemeral keys of each handshake follow from it and the other's nonce. */
  readonly entropy: Uint8Array
  readonly highestSerial: Judgement["highestSerial"]
  /** The chat that goes on, 16 bytes, and with whom; without it two people want to talk. */
  readonly resumes?: { readonly chatId: Uint8Array; readonly with: PersonId } | undefined
}

/** XX1 is not authenticated, so each that comes is answered. */
export interface Answer {
  readonly xx1: Uint8Array
  readonly xx2: Uint8Array
  readonly answered: DirectHandshake.Answered
  readonly sentAt: number
}

export type Progress =
  | { readonly _tag: "Begun"; readonly begun: DirectHandshake.Begun }
  /** The answers said last come last; none while XX1 is awaited. */
  | { readonly _tag: "Responding"; readonly answers: ReadonlyArray<Answer> }
  | { readonly _tag: "Complete" }

/** A program that has shown by our nonce that it hears us. */
export interface Other {
  readonly nonce: Uint8Array
  readonly progress: Progress
  readonly pieces: DirectPieces.Pieces
  readonly since: number
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
  /** Until when CONNECT is said unasked: to the end, but where a chat goes on. */
  readonly seeksUntil: number
  readonly answering: TokenBucket.State
  readonly beginning: TokenBucket.State
  readonly trying: TokenBucket.State
  /** A record of the other has opened: nothing is said again. */
  readonly isOver: boolean
}

export type Event =
  /** A datagram from where the other side may be; `seconds` is the time of day, since 1970, for certificates. */
  | { readonly _tag: "Heard"; readonly datagram: Uint8Array; readonly now: number; readonly seconds: number }
  /** The chat that goes on has lost its keys: the other side is to be found. */
  | { readonly _tag: "Seek"; readonly now: number }
  /** The first record of the other has opened. */
  | { readonly _tag: "RecordOpened" }
  | { readonly _tag: "Due"; readonly now: number }

export type Action =
  | { readonly _tag: "Send"; readonly datagram: Uint8Array }
  | { readonly _tag: "Established"; readonly keys: ChatKeys }
  /** The person that the chat is with has proven to go on with no such chat. */
  | { readonly _tag: "Forgotten" }

export type Step = readonly [State, ReadonlyArray<Action>]
