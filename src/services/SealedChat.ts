/**
 * A chat with somebody whose keys are known: what is said arrives, once and in order, whatever the path does
 * (PROTOCOL.md, section 16).
 *
 * Three pure machines decide what is said when: `domain/record/SealedConversation` about keys, beginning and end,
 * `domain/delivery/Delivery` about messages, `domain/reach/Reach` about paths. This runs them on one `RecordLayer`. The
 * way of a datagram is plain code. One fiber sleeps until a machine has something due, and is gone when the chat is.
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
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import type { ChatKeys } from "../domain/call/ChatKeys.ts"
import type { Ending } from "../domain/Conversation.ts"
import * as Delivery from "../domain/delivery/Delivery.ts"
import * as MessageText from "../domain/delivery/MessageText.ts"
import { maxAckDelay } from "../domain/delivery/RoundTrip.ts"
import type * as Path from "../domain/reach/Path.ts"
import type * as Reach from "../domain/reach/Reach.ts"
import * as Epoch from "../domain/record/Epoch.ts"
import * as Frame from "../domain/record/Frame.ts"
import type { Moment } from "../domain/record/Moment.ts"
import * as RecordHeader from "../domain/record/RecordHeader.ts"
import * as RecordLayer from "../domain/record/RecordLayer.ts"
import * as SealedConversation from "../domain/record/SealedConversation.ts"
import * as ShortString from "../domain/verify/ShortString.ts"
import * as ChatNews from "./ChatNews.ts"
import * as ChatPaths from "./ChatPaths.ts"
import {
  type Chat as PlainChat,
  ChatEnded,
  NotOpen,
  TextTooLong,
  TooMuchWaiting,
  type Tracking,
} from "./ChatSession.ts"
import { Cryptography } from "./Cryptography.ts"
import * as DueTimer from "./DueTimer.ts"
import * as Farewell from "./Farewell.ts"
import { monotonicReader } from "./monotonic.ts"
import { PeerTransport } from "./PeerTransport.ts"
import { PortMapper } from "./PortMapper.ts"
import { WordList } from "./WordList.ts"

/** How many frames may wait for the end of a turn. */
const waitingFrames = 64
/** How many outcomes of verifying may wait for their reader; more are dropped. */
const waitingVerifications = 16
/** How long a farewell waits for what was said before it. */
const lastWords = "2 seconds"

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

/** New keys, and the way through the server that comes with them. */
export interface Resumption {
  readonly keys: SealedConversation.Keys
  readonly way: ChatPaths.Way
}

export interface Chat extends PlainChat {
  readonly tracking: Tracking
  /** Starts verifying by voice; both sides learn what to compare from `verification`. Whether it is the same stays here. */
  readonly verify: Effect.Effect<void, NotOpen>
  /** The next outcome of verifying, whichever side has started it. Fails when the conversation has ended and none is left. */
  readonly verification: Effect.Effect<Verification, ChatEnded>
  /** Waits until the chat has no way through the server (any more), or no keys that may be used. */
  readonly adrift: Effect.Effect<void>
  readonly isAdrift: () => boolean
  /** Goes on with the keys and the way of another call with the same person; their own things go with `scope`. */
  readonly resume: (resumption: Resumption, scope: Scope.Closeable) => Effect.Effect<void>
  /** The other side has proven that it does not know the chat any more. */
  readonly forgotten: Effect.Effect<void>
}

export interface Options {
  /** What the handshake has left behind (`ChatKeys`). They are used for this conversation and never again. */
  readonly keys: SealedConversation.Keys & { readonly peer: Pick<ChatKeys["peer"], "name"> }
  /** How both sides were brought together. */
  readonly way: ChatPaths.Way
  /** How long to go on when nothing is heard at first. */
  readonly patience: Duration.Input
  /** Called for each text in the moment it arrives, instead of `receive`. Must not wait and not throw. */
  readonly onText?: ((text: string) => void) | undefined
}

type Needs = Cryptography | WordList | PeerTransport | PortMapper

export class SealedChat extends Context.Service<
  SealedChat,
  {
    /**
     * Starts a chat. It ends with the scope, without a word to the other side unless `close` came first: then the scope
     * waits for the farewell.
     */
    readonly open: (options: Options) => Effect.Effect<Chat, never, Scope.Scope>
  }
>()("nomitm/services/SealedChat") {
  static readonly layer: Layer.Layer<SealedChat, never, Needs> = Layer.effect(
    SealedChat,
    Effect.gen(function* () {
      // Without the scope of this layer: a chat ends with that of whoever opens it.
      const context = Context.pick(Cryptography, WordList, PeerTransport, PortMapper)(yield* Effect.context<Needs>())
      return SealedChat.of({ open: (options) => Effect.provideContext(open(options), context) })
    }),
  )
}

/** The keys that conversations were opened with. */
const used = new WeakSet<Uint8Array>()

/** With the same keys the counters would begin anew, and two different records would have one nonce. */
const useOnce = (keys: SealedConversation.Keys): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (used.has(keys.record.send)) return Effect.die(new Error("The keys of a chat are for one conversation"))
    used.add(keys.record.send)
    return Effect.void
  })

const open = Effect.fn("SealedChat.open")(function* (
  options: Options,
): Effect.fn.Return<Chat, never, Needs | Scope.Scope> {
  const tools = yield* Cryptography
  const wordList = yield* WordList
  const transport = yield* PeerTransport
  const mapper = yield* PortMapper
  const { keys, patience } = options
  const isTypedByHand = options.way._tag === "Address"
  yield* useOnce(keys)
  const clock = yield* Clock.Clock
  const now = yield* monotonicReader
  const moment = (): Moment => ({ monotonic: now(), wall: clock.currentTimeMillisUnsafe() })
  const texts = yield* Queue.unbounded<string, ChatEnded>()
  const verifications = yield* Queue.dropping<number | ShortString.Failure, ChatEnded>(waitingVerifications)
  const opened = Deferred.makeUnsafe<string, ChatEnded>()
  const ended = Deferred.makeUnsafe<Ending>()
  const news = ChatNews.make()
  /** Open while all is delivered. */
  const idle = Latch.makeUnsafe(true)
  /** Open while there is no way through a server, or there are no keys. */
  const adrift = Latch.makeUnsafe(false)

  let layer = RecordLayer.make(tools.primitives, Epoch.first(keys))
  let conversation = SealedConversation.initial(keys, moment())
  let delivery = Delivery.initial()
  let pathInUse: ChatNews.PathInUse = { kind: "none", address: "", rttMillis: undefined }
  let hasWay = true

  /** Frames for the other side that wait for the end of the turn. */
  let waiting: Array<Frame.Frame> = []
  let turns = 0

  // What is sent.

  /** The machine may have slept: then the timer has not noticed yet that the keys are too old. */
  const maySeal = (): boolean =>
    SealedConversation.hasKeys(conversation) && !SealedConversation.isExpired(conversation, moment())

  const seal = (frames: ReadonlyArray<Frame.Frame>): Uint8Array | undefined =>
    maySeal() ? RecordLayer.seal(layer, frames) : undefined

  const flush = (): void => {
    const frames = waiting
    waiting = []
    if (paths.active() === undefined) return
    if (frames.length > 0) RecordLayer.sealAll(layer, frames, paths.transmit)
    if (!SealedConversation.hasKeys(conversation)) return
    const at = now()
    for (;;) {
      const [next, carried] = Delivery.fill(delivery, RecordLayer.next(layer), RecordHeader.maxPlaintextBytes, at)
      delivery = next
      const record = carried.length === 0 ? undefined : RecordLayer.seal(layer, carried)
      if (record === undefined) break
      paths.transmit(record)
    }
    news.sent(Delivery.sent(delivery))
  }

  /** Everything that happens in a turn leaves together at its end. */
  const turn = (happen: () => void): void => {
    turns++
    happen()
    turns--
    if (turns > 0) return
    if (SealedConversation.isExpired(conversation, moment())) return due()
    flush()
    noteProgress()
    if (SealedConversation.isWorn(conversation, RecordLayer.used(layer))) return due()
    timer.moved()
  }

  let wasIdle = true
  const noteProgress = (): void => {
    const isIdle = Delivery.isIdle(delivery)
    if (isIdle === wasIdle) return
    wasIdle = isIdle
    paths.waiting(!isIdle)
    if (isIdle) idle.openUnsafe()
    else idle.closeUnsafe()
  }

  // The conversation.

  const on = (event: SealedConversation.Event): void =>
    turn(() => {
      const [next, actions] = SealedConversation.step(tools, conversation, event)
      conversation = next
      for (const action of actions) perform(action)
    })

  const perform = (action: SealedConversation.Action): void => {
    switch (action._tag) {
      case "Send":
        for (const frame of action.frames) waiting.push(frame)
        // A fiber that waited for this turn's event goes on within it, and may say anything.
        if (waiting.length >= waitingFrames) flush()
        return
      case "Adopt":
        return RecordLayer.adopt(layer, action.epoch)
      case "Prepare":
        return RecordLayer.prepare(layer, action.epoch)
      case "ForgetPrevious":
        return RecordLayer.forgetPrevious(layer)
      case "Opened":
        return lookOpened()
      case "Suspended":
        // Without a server there is nobody to bring both sides together again.
        return isTypedByHand ? on({ _tag: "GiveUp", ending: "timeout" }) : lookAdrift()
      case "Compare":
        Queue.offerUnsafe(verifications, action.value)
        return
      case "NotComparable":
        Queue.offerUnsafe(verifications, action.why)
        return
      case "Ended": {
        const error = new ChatEnded({ ending: action.ending })
        if (waiting.length > 0 && paths.active() !== undefined) {
          RecordLayer.sealAll(layer, [...lastAnswer(), ...waiting.splice(0)], paths.transmit)
        }
        // Nobody is to call for it any more.
        lookAdrift()
        Deferred.doneUnsafe(opened, Effect.fail(error))
        Deferred.doneUnsafe(ended, Effect.succeed(action.ending))
        Queue.failCauseUnsafe(texts, Cause.fail(error))
        Queue.failCauseUnsafe(verifications, Cause.fail(error))
      }
    }
  }

  /** The other side is heard, and there is a path to it. */
  const lookOpened = (): void => {
    if (conversation.phase !== "Open" || paths.active() === undefined) return
    Deferred.doneUnsafe(opened, Effect.succeed(keys.peer.name))
  }

  const isAdrift = (): boolean => conversation.phase !== "Closed" && (!hasWay || conversation.phase === "Suspended")

  const lookAdrift = (): void => {
    if (isAdrift()) adrift.openUnsafe()
    else adrift.closeUnsafe()
  }

  /** What has come shortly before the end is acknowledged with it: it would look as if it had not. */
  const lastAnswer = (): ReadonlyArray<Frame.Frame> => {
    const late = now() + maxAckDelay
    const [next, carried] = Delivery.fill(delivery, RecordLayer.next(layer), RecordHeader.maxPlaintextBytes, late)
    delivery = next
    return carried
  }

  // Texts.

  const sayUnsafe: Chat["sayUnsafe"] = (text) => {
    if (conversation.phase !== "Open" && conversation.phase !== "Suspended") return Result.fail(new NotOpen())
    const body = MessageText.encode(text)
    if (body === undefined) {
      return Result.fail(new TextTooLong({ bytes: MessageText.length(text), maximum: Delivery.maxMessageBytes }))
    }
    if (Delivery.room(delivery) < body.length) return Result.fail(new TooMuchWaiting())
    turn(() => {
      delivery = Delivery.say(delivery, [body])
      // Whoever says it within another turn may wait for it before that is over.
      idle.closeUnsafe()
    })
    return Result.void
  }

  const delivered = (frames: ReadonlyArray<Delivery.Frame>, record: Delivery.RecordNumber): void => {
    const [next, heard] = Delivery.heard(delivery, frames, record, now())
    delivery = next
    if (heard.acknowledged.length > 0) paths.acknowledged()
    news.delivered(heard.delivered)
    if (heard.failed !== undefined) return on({ _tag: "GiveUp", ending: "protocol" })
    if (heard.messages.length === 0) return
    const { onText } = options
    if (onText === undefined) {
      for (const body of heard.messages) Queue.offerUnsafe(texts, MessageText.decode(body))
      return
    }
    delivery = Delivery.taken(delivery, heard.messages.length)
    for (const body of heard.messages) onText(MessageText.decode(body))
  }

  /** Taken by whoever reads: there is room for more. */
  const receive = Effect.map(Queue.take(texts), (text) => {
    turn(() => {
      delivery = Delivery.taken(delivery, 1)
    })
    return text
  })

  // Datagrams.

  const onDatagram = (datagram: Uint8Array, path: Path.Path): void => {
    if (!SealedConversation.hasKeys(conversation)) return
    if (SealedConversation.isExpired(conversation, moment())) return due()
    const record = RecordLayer.open(layer, datagram)
    if (typeof record === "string") return
    turn(() => {
      const { own, aboutPaths, aboutMessages } = sorted(record.frames)
      // What comes with the end was before it.
      const isLast = own.some(({ _tag }) => _tag === "Close")
      if (isLast && aboutMessages.length > 0) delivered(aboutMessages, record)
      if (own.length > 0 || conversation.phase === "Opening" || record.advanced || isWaitingForRecord()) {
        const { isCurrent, advanced } = record
        on({ _tag: "Heard", frames: own, isCurrent, advanced, at: moment() })
      } else conversation = SealedConversation.alive(conversation, moment())
      if (conversation.phase === "Closed") return
      if (aboutPaths.length > 0 || !paths.isKnown(path)) paths.heard(path, aboutPaths, record.isNewest)
      delivered(aboutMessages, record)
    })
  }

  const isWaitingForRecord = (): boolean => SealedConversation.awaitsRecord(conversation)

  // Paths.

  const paths = yield* ChatPaths.make({
    now,
    cryptography: tools,
    transport,
    mapper,
    isInitiator: keys.isInitiator,
    seal,
    onDatagram,
    onUse: (path) => {
      if (path !== undefined) turn(() => (delivery = Delivery.moved(delivery, now())))
    },
    onPath: (path) => {
      pathInUse = path
      news.path(path)
      lookOpened()
    },
    onStuck: news.stuck,
    onGone: () => {
      hasWay = false
      lookAdrift()
    },
    onMoved: () => timer.moved(),
  })

  // Time.

  const timer: DueTimer.DueTimer = DueTimer.make(
    () =>
      Math.min(
        SealedConversation.dueAt(conversation),
        paths.dueAt(),
        paths.active() === undefined || !SealedConversation.hasKeys(conversation) ? Infinity : Delivery.dueAt(delivery),
      ),
    now,
  )

  const due = (): void =>
    turn(() => {
      on({ _tag: "Due", used: RecordLayer.used(layer), at: moment() })
      if (conversation.phase === "Closed") return
      paths.due()
      if (Delivery.dueAt(delivery) <= now()) delivery = Delivery.due(delivery, now())
    })

  const keepTime = timer.run(Effect.sync(due))
  const giveUp = Effect.exit(Deferred.await(opened)).pipe(
    Effect.timeoutOption(patience),
    Effect.andThen(
      Effect.sync(() => {
        if (conversation.phase === "Opening") on({ _tag: "GiveUp", ending: "unreachable" })
      }),
    ),
    Effect.andThen(Effect.never),
  )

  const sendClose = (): void => {
    if (paths.active() !== undefined) RecordLayer.sealAll(layer, [Frame.close], paths.transmit)
  }

  const follow = (way: ChatPaths.Way, scope: Scope.Closeable): Effect.Effect<void> =>
    Effect.suspend(() => {
      lookAdrift()
      return paths.follow(way, scope)
    })

  const resume: Chat["resume"] = (resumption, scope) =>
    Effect.suspend(() => {
      if (conversation.phase === "Closed") return Scope.close(scope, Exit.void)
      return Effect.andThen(
        useOnce(resumption.keys),
        Effect.suspend(() => {
          layer = RecordLayer.make(tools.primitives, Epoch.first(resumption.keys))
          delivery = Delivery.resumed(delivery)
          waiting = []
          on({ _tag: "Resumed", keys: resumption.keys, at: moment() })
          hasWay = true
          return follow(resumption.way, scope)
        }),
      )
    }).pipe(Effect.uninterruptible)

  yield* Effect.raceFirst(Effect.raceFirst(keepTime, giveUp), Deferred.await(ended)).pipe(
    Effect.flatMap((ending) => (ending === "unverified" ? Farewell.again(sendClose) : Effect.void)),
    Effect.forkScoped({ startImmediately: true }),
  )
  yield* follow(options.way, yield* Scope.fork(yield* Effect.scope))

  let saysGoodbye = false
  const goodbye = yield* Farewell.make({
    isOver: () => conversation.phase === "Closed",
    end: () => {
      if (SealedConversation.isExpired(conversation, moment())) due()
      saysGoodbye = SealedConversation.hasKeys(conversation)
      on({ _tag: "Close" })
    },
    send: () => {
      if (saysGoodbye) sendClose()
    },
  })
  const whileOpen = <A>(wait: Effect.Effect<A>): Effect.Effect<A, ChatEnded> =>
    Effect.raceFirst(
      wait,
      Effect.flatMap(Deferred.await(ended), (ending) => Effect.fail(new ChatEnded({ ending }))),
    )
  const allDelivered = whileOpen(idle.await)
  const close = Effect.suspend(() =>
    Delivery.isIdle(delivery) || paths.active() === undefined
      ? goodbye
      : Effect.andThen(Effect.ignore(Effect.timeoutOption(allDelivered, lastWords)), goodbye),
  )

  return {
    opened: Deferred.await(opened),
    receive,
    ended: Deferred.await(ended),
    say: (text) => Effect.suspend(() => Effect.fromResult(sayUnsafe(text))),
    sayUnsafe,
    close,
    tracking: {
      path: () => pathInUse,
      news: Effect.suspend(() => {
        const latest = news.take()
        return latest === undefined ? whileOpen(news.next) : Effect.succeed(latest)
      }),
      delivered: allDelivered,
      reach: Effect.sync(paths.report),
    },
    verify: Effect.suspend(() => {
      if (conversation.phase !== "Open") return Effect.fail(new NotOpen())
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
    adrift: adrift.await,
    isAdrift,
    resume,
    forgotten: Effect.sync(() => on({ _tag: "GiveUp", ending: "forgotten" })),
  } satisfies Chat
})

interface Sorted {
  readonly own: ReadonlyArray<SealedConversation.OwnFrame>
  readonly aboutPaths: ReadonlyArray<Reach.PathFrame>
  readonly aboutMessages: ReadonlyArray<Delivery.Frame>
}

/** Whose affair each frame is. */
const sorted = (frames: ReadonlyArray<Frame.Frame>): Sorted => {
  const own: Array<SealedConversation.OwnFrame> = []
  const aboutPaths: Array<Reach.PathFrame> = []
  const aboutMessages: Array<Delivery.Frame> = []
  for (const frame of frames) {
    switch (frame._tag) {
      case "Data":
      case "Ack":
        aboutMessages.push(frame)
        break
      case "PathChallenge":
      case "PathResponse":
        aboutPaths.push(frame)
        break
      default:
        own.push(frame)
    }
  }
  return { own, aboutPaths, aboutMessages }
}
