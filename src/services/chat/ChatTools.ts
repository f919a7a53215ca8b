/**
 * What all chats of a program work with, and share: one of each, however many chats there are.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { Moment } from "../../domain/record/Moment.ts"
import { AddressWatch } from "./AddressWatch.ts"
import { Cryptography } from "../Cryptography.ts"
import { DueTimers } from "./DueTimers.ts"
import { monotonicReader } from "../monotonic.ts"
import { PeerTransport } from "../PeerTransport.ts"
import { PortMapper } from "../PortMapper.ts"
import { WordList } from "../WordList.ts"

export type Needs = Cryptography | WordList | PeerTransport | PortMapper

export interface ChatTools {
  readonly cryptography: Cryptography["Service"]
  readonly wordList: WordList["Service"]
  readonly transport: PeerTransport["Service"]
  readonly mapper: PortMapper["Service"]
  /** Milliseconds of the monotonic clock. */
  readonly now: () => number
  readonly moment: () => Moment
  readonly timers: DueTimers
  readonly addressWatch: AddressWatch
  /** Runs something in the background until the scope ends. What it does before it waits is done at once. */
  readonly fork: (effect: Effect.Effect<void>, scope: Scope.Scope) => void
}

export const make: Effect.Effect<ChatTools, never, Needs> = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const now = yield* monotonicReader
  const transport = yield* PeerTransport
  const context: Context.Context<never> = Context.make(Clock.Clock, clock)
  const run = Effect.runForkWith(context)
  const timers = new DueTimers(context, now)
  return {
    cryptography: yield* Cryptography,
    wordList: yield* WordList,
    transport,
    mapper: yield* PortMapper,
    now,
    moment: () => ({ monotonic: now(), wall: clock.currentTimeMillisUnsafe() }),
    timers,
    addressWatch: new AddressWatch({ addresses: transport.addresses, timers, now, fork: run }),
    fork: (effect, scope) => void Fiber.runIn(run(effect), scope),
  }
})
