/**
 * Opens the UDP path to a peer and holds the conversation on it (PROTOCOL.md, section 8).
 *
 * What is said when is decided by the pure machine `domain/Conversation`; this runs it: CONNECT is resent, KEEPALIVE
 * sent and silence noticed by fibers on Schedules, all of them gone when the conversation is.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Conversation from "../../domain/Conversation.ts"
import type { Dialect } from "../../domain/Dialect.ts"
import type { Endpoint } from "../../domain/Endpoint.ts"
import * as ObservedSource from "../../domain/ObservedSource.ts"
import * as PeerMessage from "../../domain/PeerMessage.ts"
import * as PeerName from "../../domain/PeerName.ts"
import type { StuckReason } from "../../domain/net/StuckReason.ts"
import type { Unreached } from "../../domain/net/Unreached.ts"
import type { Report } from "../../domain/reach/Reach.ts"
import type * as ChatNews from "./ChatNews.ts"
import * as Farewell from "./Farewell.ts"
import { monotonicReader } from "../monotonic.ts"
import type { PeerSocket } from "../PeerTransport.ts"

/** How many texts may wait for their reader; more are dropped, as a network does. */
export const waitingTexts = 1024

/** The chat is not open: it has not heard the other side yet, or it has ended. */
export class NotOpen extends Schema.TaggedError<NotOpen>("nomitm/NotOpen")("NotOpen", {}) {
  override get message(): string {
    return "The chat is not open: it has not heard the other side, or has ended"
  }
}

/** The text does not fit into a datagram. */
export class TextTooLong extends Schema.TaggedError<TextTooLong>("nomitm/TextTooLong")("TextTooLong", {
  bytes: Schema.Int,
  maximum: Schema.Int,
}) {
  override get message(): string {
    return `A text of ${this.bytes} bytes; at most ${this.maximum} fit`
  }
}

/** So much waits to be delivered that nothing more is taken for now: the other side is out of reach, or slow. */
export class TooMuchWaiting extends Schema.TaggedError<TooMuchWaiting>("nomitm/TooMuchWaiting")("TooMuchWaiting", {}) {
  override get message(): string {
    return "Too much waits to be delivered"
  }
}

/** Why a text is not taken. */
export type SayError = NotOpen | TextTooLong | TooMuchWaiting

/** The conversation ended before, or instead of, what was waited for. */
export class ChatEnded extends Schema.TaggedError<ChatEnded>("nomitm/ChatEnded")("ChatEnded", {
  ending: Conversation.Ending,
}) {
  override get message(): string {
    return `The chat ended: ${this.ending}`
  }
}

export interface Chat {
  /** Waits until the other side is heard; its name, fit to be shown (`domain/PeerName`). */
  readonly opened: Effect.Effect<string, ChatEnded>
  /** The texts of the other side, in order of arrival. Fails when the conversation has ended and none is left. */
  readonly receive: Effect.Effect<string, ChatEnded>
  /** Sends a text once. At most `PeerMessage.maxTextBytes` bytes of UTF-8. */
  readonly say: (text: string) => Effect.Effect<void, SayError>
  /** The same as plain code: for `onText`, where an answer can leave before the next datagram is looked at. */
  readonly sayUnsafe: (text: string) => Result.Result<void, SayError>
  /** Ends the conversation and tells the other side; done when that is sent, every time it is called. */
  readonly close: Effect.Effect<void>
  /** Waits for the end. */
  readonly ended: Effect.Effect<Conversation.Ending>
  /** None in plaintext, where nothing is acknowledged and there is one path. */
  readonly tracking?: Tracking | undefined
}

/** What becomes of what is said, and by which path it goes. */
export interface Tracking {
  /** What is used now. */
  readonly path: () => ChatNews.PathInUse
  /** The next news of texts and paths. Fails when the chat has ended. */
  readonly news: Effect.Effect<ChatNews.News, ChatEnded>
  /**
   * The next reason why there is no path; what else is new is left for `news`. For whoever waits until the chat is open,
   * instead of `news`: one reads at a time. Fails when the chat has ended.
   */
  readonly stuck: Effect.Effect<StuckReason, ChatEnded>
  /** Waits until all that was said is with the other person. */
  readonly delivered: Effect.Effect<void, ChatEnded>
  /** Why the other side could not be reached, when it has ended so; none if nothing is known. */
  readonly unreached: () => Unreached | undefined
  /** What is known of the network between both sides. */
  readonly reach: Effect.Effect<Report>
}

export interface Options {
  readonly socket: PeerSocket
  /** Where the other side is announced to be. It may turn out to have another port (`domain/ObservedSource`). */
  readonly remote: Endpoint
  readonly dialect: Dialect
  /** The own name. */
  readonly self: string
  /** The other's name, where the server told it. */
  readonly peer: Option.Option<string>
  /** How long to go on when nothing is heard. */
  readonly patience: Duration.Input
  /** Called for each text in the moment it arrives, instead of `receive`. Must not wait and not throw. */
  readonly onText?: ((text: string) => void) | undefined
}

export class ChatSession extends Context.Service<
  ChatSession,
  {
    /**
     * Starts a conversation. It ends with the scope, without a word to the other side unless `close` came first: then
     * the scope waits for the farewell.
     */
    readonly open: (options: Options) => Effect.Effect<Chat, never, Scope.Scope>
  }
>()("nomitm/services/chat/ChatSession") {
  static readonly layer: Layer.Layer<ChatSession> = Layer.succeed(
    ChatSession,
    ChatSession.of({ open: (options) => open(options) }),
  )
}

const open = Effect.fn("ChatSession.open")(function* (options: Options) {
  const { socket, remote, dialect, self, peer, patience } = options
  const now = yield* monotonicReader
  const number = yield* Random.nextIntBetween(-2147483648, 2147483647)
  const texts = yield* Queue.dropping<string, ChatEnded>(waitingTexts)
  const opened = Deferred.makeUnsafe<string, ChatEnded>()
  const ended = Deferred.makeUnsafe<Conversation.Ending>()
  const onText = options.onText ?? ((text: string): void => void Queue.offerUnsafe(texts, text))
  let state = Conversation.initial({ dialect, self, number, peer, remote }, now())

  const perform = (action: Conversation.Action): void => {
    switch (action._tag) {
      case "Send":
        return socket.send(PeerMessage.encode(dialect, action.message), action.to)
      case "Opened":
        Deferred.doneUnsafe(opened, Effect.succeed(PeerName.of(action.peer, remote)))
        return
      case "Deliver":
        onText(action.text)
        return
      case "Ended": {
        const error = new ChatEnded({ ending: action.ending })
        Deferred.doneUnsafe(opened, Effect.fail(error))
        Deferred.doneUnsafe(ended, Effect.succeed(action.ending))
        Queue.failCauseUnsafe(texts, Cause.fail(error))
      }
    }
  }

  const on = (event: Conversation.Event): void => {
    const [next, actions] = Conversation.step(state, event)
    state = next
    for (const action of actions) perform(action)
  }

  const sayUnsafe: Chat["sayUnsafe"] = (text) => {
    if (state.phase !== "Open") return Result.fail(new NotOpen())
    if (!PeerMessage.fits(text)) {
      return Result.fail(new TextTooLong({ bytes: PeerMessage.textBytes(text), maximum: PeerMessage.maxTextBytes }))
    }
    on({ _tag: "Say", text })
    return Result.void
  }

  yield* socket.receive((datagram, from) => {
    // Strangers cost next to nothing.
    if (from.address !== remote.address) return
    const message = PeerMessage.decode(dialect, datagram, Option.getOrUndefined(state.peer))
    if (Result.isSuccess(message)) on({ _tag: "Heard", message: message.success, from, now: now() })
  })

  const timed = (tag: "Resend" | "Beat" | "Silence") => Effect.sync(() => on({ _tag: tag, now: now() }))

  /** CONNECT until the other is heard. */
  const resend = timed("Resend").pipe(
    Effect.repeat(Schedule.spaced(Conversation.resendMillis)),
    Effect.raceFirst(Effect.exit(Deferred.await(opened))),
    Effect.timeoutOption(patience),
    Effect.andThen(Effect.sync(() => on({ _tag: "GiveUp" }))),
  )
  const pause = Conversation.beatMillis(dialect)
  const beat = Effect.delay(Effect.repeat(timed("Beat"), Schedule.spaced(pause)), pause)
  const watch = Effect.forever(
    Effect.suspend(() => Effect.delay(timed("Silence"), Math.max(1, Conversation.silentAt(state) - now()))),
  )

  yield* resend.pipe(
    Effect.andThen(Effect.all([beat, watch], { concurrency: 2 })),
    Effect.raceFirst(Deferred.await(ended)),
    Effect.forkScoped({ startImmediately: true }),
  )

  const close = yield* Farewell.make({
    isOver: () => state.phase === "Closed",
    end: () => on({ _tag: "Close" }),
    send: () => {
      const { source } = state
      if (ObservedSource.isFree(source))
        socket.send(PeerMessage.encode(dialect, { _tag: "Close", from: self }), source.remote)
    },
  })

  return {
    opened: Deferred.await(opened),
    receive: Queue.take(texts),
    ended: Deferred.await(ended),
    say: (text) => Effect.suspend(() => Effect.fromResult(sayUnsafe(text))),
    sayUnsafe,
    close,
  } satisfies Chat
})
