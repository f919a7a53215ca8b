/**
 * Opens the UDP path to a peer whose keys are known, and holds the sealed conversation on it (PROTOCOL.md, section 16).
 *
 * What is said when is decided by the pure machine `domain/record/SealedConversation`; this runs it on a socket and a
 * `RecordLayer`. The path of a datagram is plain code. One fiber sleeps until the machine has something due, and is gone
 * when the conversation is.
 *
 * What is said in one turn shares records: all that the handling of one datagram gives rise to, texts that are said from
 * `onText` included, leaves together at its end.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { ChatKeys } from "../domain/call/ChatKeys.ts"
import type { Ending } from "../domain/Conversation.ts"
import type { Endpoint } from "../domain/Endpoint.ts"
import * as PeerMessage from "../domain/PeerMessage.ts"
import * as Epoch from "../domain/record/Epoch.ts"
import * as Frame from "../domain/record/Frame.ts"
import type { Moment } from "../domain/record/Moment.ts"
import * as RecordLayer from "../domain/record/RecordLayer.ts"
import * as SealedConversation from "../domain/record/SealedConversation.ts"
import * as ShortString from "../domain/verify/ShortString.ts"
import { type Chat as PlainChat, ChatEnded, NotOpen, TextTooLong, waitingTexts } from "./ChatSession.ts"
import { Cryptography } from "./Cryptography.ts"
import * as DueTimer from "./DueTimer.ts"
import * as Farewell from "./Farewell.ts"
import { monotonicReader } from "./monotonic.ts"
import type { PeerSocket } from "./PeerTransport.ts"
import { WordList } from "./WordList.ts"

/** How many frames may wait for the end of a turn. */
const waitingFrames = 64
/** How many outcomes of verifying may wait for their reader; more are dropped. */
const waitingVerifications = 16

/** What came of verifying by voice: the same on both sides, or something to compare that never came. */
export type Verification =
  | {
      readonly _tag: "Compare"
      /** Three. */
      readonly words: ReadonlyArray<string>
      /** The same as ten decimal digits. */
      readonly digits: string
    }
  | { readonly _tag: "Failed"; readonly why: ShortString.Failure }

export interface Chat extends PlainChat {
  /** Starts verifying by voice; both sides learn what to compare from `verification`. Whether it is the same stays here. */
  readonly verify: Effect.Effect<void, NotOpen>
  /** The next outcome of verifying, whichever side has started it. Fails when the conversation has ended and none is left. */
  readonly verification: Effect.Effect<Verification, ChatEnded>
  /** Where the other side is now. */
  readonly remote: Effect.Effect<Endpoint>
}

export interface Options {
  readonly socket: PeerSocket
  /** Where the other side is expected to be. What its keys open counts, wherever it comes from. */
  readonly remote: Endpoint
  /** What the handshake has left behind (`ChatKeys`). They are used for this conversation and never again. */
  readonly keys: SealedConversation.Keys & { readonly peer: Pick<ChatKeys["peer"], "name"> }
  /** How long to go on when nothing is heard. */
  readonly patience: Duration.Input
  /** Called for each text in the moment it arrives, instead of `receive`. Must not wait and not throw. */
  readonly onText?: ((text: string) => void) | undefined
  /** Called when the other side has moved, and has proven it. Must not wait and not throw. */
  readonly onMoved?: ((remote: Endpoint) => void) | undefined
}

export class SealedChat extends Context.Service<
  SealedChat,
  {
    /**
     * Starts a conversation. It ends with the scope, without a word to the other side unless `close` came first: then
     * the scope waits for the farewell.
     */
    readonly open: (options: Options) => Effect.Effect<Chat, never, Scope.Scope>
  }
>()("nomitm/services/SealedChat") {
  static readonly layer: Layer.Layer<SealedChat, never, Cryptography | WordList> = Layer.effect(
    SealedChat,
    Effect.gen(function* () {
      const [tools, wordList] = [yield* Cryptography, yield* WordList]
      return SealedChat.of({ open: (options) => open(tools, wordList, options) })
    }),
  )
}

/** The keys that conversations were opened with. */
const used = new WeakSet<Uint8Array>()

const open = Effect.fn("SealedChat.open")(function* (
  tools: Cryptography["Service"],
  wordList: WordList["Service"],
  options: Options,
) {
  const { socket, keys, patience } = options
  // With the same keys the counters would begin anew, and two different records would have one nonce.
  if (used.has(keys.record.send)) return yield* Effect.die(new Error("The keys of a chat are for one conversation"))
  used.add(keys.record.send)
  const clock = yield* Clock.Clock
  const now = yield* monotonicReader
  const moment = (): Moment => ({ monotonic: now(), wall: clock.currentTimeMillisUnsafe() })
  const texts = yield* Queue.dropping<string, ChatEnded>(waitingTexts)
  const verifications = yield* Queue.dropping<number | ShortString.Failure, ChatEnded>(waitingVerifications)
  const opened = Deferred.makeUnsafe<string, ChatEnded>()
  const ended = Deferred.makeUnsafe<Ending>()
  const onText = options.onText ?? ((text: string): void => void Queue.offerUnsafe(texts, text))

  const layer = RecordLayer.make(tools.primitives, Epoch.first(keys))
  let state = SealedConversation.initial(keys, options.remote, moment())

  /** Frames for the other side that wait for the end of the turn. */
  let waiting: Array<Frame.Frame> = []
  let turns = 0

  const flush = (): void => {
    if (waiting.length === 0) return
    const frames = waiting
    waiting = []
    RecordLayer.sealAll(layer, frames, (datagram) => socket.send(datagram, state.remote))
  }

  const perform = (action: SealedConversation.Action): void => {
    switch (action._tag) {
      case "Send":
        for (const frame of action.frames) waiting.push(frame)
        // A fiber that waited for this turn's event goes on within it, and may say anything.
        if (waiting.length >= waitingFrames) flush()
        return
      case "SendTo":
        return RecordLayer.sealAll(layer, action.frames, (datagram) => socket.send(datagram, action.to))
      case "Adopt":
        return RecordLayer.adopt(layer, action.epoch)
      case "Prepare":
        return RecordLayer.prepare(layer, action.epoch)
      case "ForgetPrevious":
        return RecordLayer.forgetPrevious(layer)
      case "Opened":
        Deferred.doneUnsafe(opened, Effect.succeed(keys.peer.name))
        return
      case "Deliver":
        return onText(action.text)
      case "Moved":
        return options.onMoved?.(action.remote)
      case "Compare":
        Queue.offerUnsafe(verifications, action.value)
        return
      case "NotComparable":
        Queue.offerUnsafe(verifications, action.why)
        return
      case "Ended": {
        const error = new ChatEnded({ ending: action.ending })
        Deferred.doneUnsafe(opened, Effect.fail(error))
        Deferred.doneUnsafe(ended, Effect.succeed(action.ending))
        Queue.failCauseUnsafe(texts, Cause.fail(error))
        Queue.failCauseUnsafe(verifications, Cause.fail(error))
      }
    }
  }

  const timer = DueTimer.make(() => SealedConversation.dueAt(state), now)

  const on = (event: SealedConversation.Event): void => {
    const [next, actions] = SealedConversation.step(tools, state, event)
    state = next
    turns++
    for (const action of actions) perform(action)
    turns--
    if (turns > 0) return
    flush()
    if (SealedConversation.isWorn(state, RecordLayer.used(layer))) return due()
    timer.moved()
  }

  const due = (): void => on({ _tag: "Due", used: RecordLayer.used(layer), at: moment() })

  const sayUnsafe: Chat["sayUnsafe"] = (text) => {
    if (state.phase !== "Open") return Result.fail(new NotOpen())
    if (!PeerMessage.fits(text)) {
      return Result.fail(new TextTooLong({ bytes: PeerMessage.textBytes(text), maximum: PeerMessage.maxTextBytes }))
    }
    on({ _tag: "Say", text, at: moment() })
    return Result.void
  }

  yield* socket.receive((datagram, from) => {
    const record = RecordLayer.open(layer, datagram)
    if (typeof record === "string") return
    const { frames, isNewest, isCurrent, advanced } = record
    on({ _tag: "Heard", frames, isNewest, isCurrent, advanced, from, at: moment() })
  })

  const keepTime = timer.run(Effect.sync(due))
  const giveUp = Effect.exit(Deferred.await(opened)).pipe(
    Effect.timeoutOption(patience),
    Effect.andThen(Effect.sync(() => on({ _tag: "GiveUp" }))),
    Effect.andThen(Effect.never),
  )

  const sendClose = (): void =>
    RecordLayer.sealAll(layer, [Frame.close], (datagram) => socket.send(datagram, state.remote))

  yield* Effect.raceFirst(Effect.raceFirst(keepTime, giveUp), Deferred.await(ended)).pipe(
    Effect.flatMap((ending) => (ending === "unverified" ? Farewell.again(sendClose) : Effect.void)),
    Effect.forkScoped({ startImmediately: true }),
  )

  const close = yield* Farewell.make({
    isOver: () => state.phase === "Closed",
    end: () => on({ _tag: "Close" }),
    send: sendClose,
  })

  return {
    opened: Deferred.await(opened),
    receive: Queue.take(texts),
    ended: Deferred.await(ended),
    say: (text) => Effect.suspend(() => Effect.fromResult(sayUnsafe(text))),
    sayUnsafe,
    close,
    verify: Effect.suspend(() => {
      if (state.phase !== "Open") return Effect.fail(new NotOpen())
      on({ _tag: "Verify", at: moment() })
      return Effect.void
    }),
    verification: Effect.flatMap(Queue.take(verifications), (outcome) =>
      typeof outcome === "string"
        ? Effect.succeed<Verification>({ _tag: "Failed", why: outcome })
        : Effect.map(wordList.words, (list): Verification => ({
            _tag: "Compare",
            words: ShortString.indices(outcome).map((index) => list[index] ?? ""),
            digits: ShortString.digits(outcome),
          })),
    ),
    remote: Effect.sync(() => state.remote),
  } satisfies Chat
})
