/**
 * A chat with somebody whose keys are known: what is said arrives, once and in order, whatever the path does
 * (PROTOCOL.md, section 16).
 *
 * Three pure machines decide what is said when: `domain/record/SealedConversation` about keys, beginning and end,
 * `domain/delivery/Delivery` about messages, `domain/reach/Reach` about paths. `LiveChat` runs them. The way of a datagram
 * is plain code. One fiber sleeps until a machine of any chat has something due, and is gone when the last chat is.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import type { ChatKeys } from "../../domain/call/ChatKeys.ts"
import type { Endpoint } from "../../domain/Endpoint.ts"
import type * as SealedConversation from "../../domain/record/SealedConversation.ts"
import { type Chat as PlainChat, ChatEnded, NotOpen, type Tracking } from "./ChatSession.ts"
import * as ChatTools from "./ChatTools.ts"
import type { Way } from "./ChatWay.ts"
import { LiveChat } from "./LiveChat.ts"
import * as UsedKeys from "./UsedKeys.ts"
import type { Verification } from "./Verifications.ts"

export type { Verification } from "./Verifications.ts"

/** How long a farewell waits for what was said before it. */
const farewellPatience = "2 seconds"

/** New keys, and the way through the server that comes with them. */
export interface Resumption {
  readonly keys: SealedConversation.Keys
  readonly way: Way
}

/** To be handed on as it is: nothing of it is there in a copy of its fields. */
export interface Chat extends PlainChat {
  readonly tracking: Tracking
  /** Starts verifying by voice; both sides learn what to compare from `verification`. Whether it is the same stays here. */
  readonly verify: Effect.Effect<void, NotOpen>
  /** The next outcome of verifying, whichever side has started it. Fails when the conversation has ended and none is left. */
  readonly verification: Effect.Effect<Verification, ChatEnded>
  /** Waits until the chat has no way through the server (any more), or no keys that may be used. */
  readonly adrift: Effect.Effect<void>
  readonly isAdrift: () => boolean
  /** Whether a record of the other side has opened with the keys that the chat was given last. */
  readonly isHeard: () => boolean
  /** Where the other side was last reached directly; none if it never was. */
  readonly remote: () => Endpoint | undefined
  /** Goes on with the keys and the way of another call with the same person; their own things go with `scope`. */
  readonly resume: (resumption: Resumption, scope: Scope.Closeable) => Effect.Effect<void>
  /** The other side has proven that it does not know the chat any more. */
  readonly forgotten: Effect.Effect<void>
  /** The same chat with somebody who is called so here: `opened` says this name instead of their own. */
  readonly called: (name: string) => Chat
}

export interface Options {
  /** What the handshake has left behind (`ChatKeys`). They are used for this conversation and never again. */
  readonly keys: SealedConversation.Keys & { readonly peer: Pick<ChatKeys["peer"], "name"> }
  /** How both sides were brought together. Who keeps the chat going on it is `RunningChats`, or `DirectResumption`. */
  readonly way: Way
  /** How long to go on when there is no path to the other side at first: then it ends as `unreachable`. */
  readonly patience: Duration.Input
  /** Called for each text in the moment it arrives, instead of `receive`. Must not wait and not throw. */
  readonly onText?: ((text: string) => void) | undefined
}

export class SealedChat extends Context.Service<
  SealedChat,
  {
    /**
     * Starts a chat. It ends with the scope, without a word to the other side unless `close` came first: then the scope
     * waits for the farewell.
     */
    readonly open: (options: Options) => Effect.Effect<Chat, never, Scope.Scope>
  }
>()("nomitm/services/chat/SealedChat") {
  static readonly layer: Layer.Layer<SealedChat, never, ChatTools.Needs> = Layer.effect(
    SealedChat,
    // Nothing is of the scope of this layer: a chat ends with that of whoever opens it.
    Effect.map(ChatTools.make, (tools) => SealedChat.of({ open: (options) => open(tools, options) })),
  )
}

const open = Effect.fn("SealedChat.open")(function* (
  tools: ChatTools.ChatTools,
  { keys, onText, patience, way }: Options,
): Effect.fn.Return<Chat, never, Scope.Scope> {
  yield* UsedKeys.use(keys)
  const scope = yield* Effect.scope
  const texts = onText ?? (yield* Queue.unbounded<string, ChatEnded>())
  const options = {
    keys,
    peerName: keys.peer.name,
    patienceMillis: Duration.toMillis(patience),
    texts,
  }
  const live = yield* Effect.suspend(() => {
    const live = new LiveChat(tools, options, scope)
    // Not `acquireRelease`, which would keep all that this fiber knows for as long as the chat lives.
    return Effect.as(Scope.addFinalizer(scope, live.end), live)
  }).pipe(Effect.uninterruptible)
  yield* live.follow(way, Scope.makeUnsafe())
  return new OpenChat(tools, live, typeof texts === "function" ? undefined : texts)
})

/** What whoever opened a chat has of it. What a person rarely asks for is made when it is asked for. */
class OpenChat implements Chat {
  private readonly tools: ChatTools.ChatTools
  private readonly live: LiveChat
  private readonly texts: Queue.Dequeue<string, ChatEnded> | undefined
  private readonly name: string | undefined

  constructor(
    tools: ChatTools.ChatTools,
    live: LiveChat,
    texts: Queue.Dequeue<string, ChatEnded> | undefined,
    name?: string,
  ) {
    this.tools = tools
    this.live = live
    this.texts = texts
    this.name = name
  }

  get opened(): Effect.Effect<string, ChatEnded> {
    return Effect.map(this.live.opened, (own) => this.name ?? own)
  }

  get called(): Chat["called"] {
    return (name) => new OpenChat(this.tools, this.live, this.texts, name)
  }

  get receive(): Effect.Effect<string, ChatEnded> {
    if (this.texts === undefined) return this.whileOpen(Effect.never)
    return Effect.map(Queue.take(this.texts), (text) => {
      this.live.taken()
      return text
    })
  }

  get ended(): Chat["ended"] {
    return this.live.ended
  }

  get say(): Chat["say"] {
    return (text) => Effect.suspend(() => Effect.fromResult(this.live.sayUnsafe(text)))
  }

  get sayUnsafe(): Chat["sayUnsafe"] {
    return (text) => this.live.sayUnsafe(text)
  }

  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { goodbye, hasNothingToDeliver } = this.live
      if (hasNothingToDeliver) return goodbye
      return Effect.andThen(Effect.ignore(Effect.timeoutOption(this.allDelivered, farewellPatience)), goodbye)
    })
  }

  get tracking(): Tracking {
    const { live } = this
    return {
      path: () => live.path,
      news: Effect.suspend(() => {
        const latest = live.news.take()
        return latest === undefined ? this.whileOpen(live.news.next()) : Effect.succeed(latest)
      }),
      stuck: this.whileOpen(live.news.nextStuck()),
      delivered: this.allDelivered,
      unreached: () => live.unreached,
      reach: Effect.sync(() => live.report),
    }
  }

  get verify(): Effect.Effect<void, NotOpen> {
    return Effect.suspend(() => {
      if (this.live.phase !== "Open") return Effect.fail(new NotOpen())
      this.live.verify()
      return Effect.void
    })
  }

  get verification(): Effect.Effect<Verification, ChatEnded> {
    return this.live.verifications.next(this.tools.wordList)
  }

  get adrift(): Effect.Effect<void> {
    return this.live.adrift.await
  }

  get isAdrift(): Chat["isAdrift"] {
    return () => this.live.isAdrift()
  }

  get isHeard(): Chat["isHeard"] {
    return () => this.live.isHeard
  }

  get remote(): Chat["remote"] {
    return () => this.live.remote
  }

  get resume(): Chat["resume"] {
    return ({ keys, way }, scope) =>
      Effect.suspend(() => {
        if (this.live.phase === "Closed") return Scope.close(scope, Exit.void)
        return Effect.andThen(
          UsedKeys.use(keys),
          Effect.suspend(() => this.live.resume(keys, way, scope)),
        )
      }).pipe(Effect.uninterruptible)
  }

  get forgotten(): Effect.Effect<void> {
    return Effect.sync(() => this.live.forgotten())
  }

  private get allDelivered(): Effect.Effect<void, ChatEnded> {
    return this.whileOpen(this.live.idle.await)
  }

  private whileOpen<A>(wait: Effect.Effect<A>): Effect.Effect<A, ChatEnded> {
    return Effect.raceFirst(
      wait,
      Effect.flatMap(this.live.ended, (ending) => Effect.fail(new ChatEnded({ ending }))),
    )
  }
}
