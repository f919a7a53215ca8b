/**
 * One sealed chat while it lives: joins its conversation (`ChatConversation`: keys and records), its messages
 * (`ChatMessages`) and its paths (`ChatPaths`), each of which runs a pure machine.
 *
 * There may be thousands, so it is one object: what it can do lies in the class, what is rarely asked for is made when it
 * is, and time is kept for all chats together (`DueTimers`).
 *
 * What is said in one turn shares records: all that the handling of one datagram gives rise to, texts that are said from
 * `onText` included, leaves together at its end.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { Ending } from "../../domain/Conversation.ts"
import type * as Delivery from "../../domain/delivery/Delivery.ts"
import type { Endpoint } from "../../domain/Endpoint.ts"
import type * as Path from "../../domain/reach/Path.ts"
import type * as Reach from "../../domain/reach/Reach.ts"
import type * as Frame from "../../domain/record/Frame.ts"
import type { Moment } from "../../domain/record/Moment.ts"
import type * as RecordLayer from "../../domain/record/RecordLayer.ts"
import type * as SealedConversation from "../../domain/record/SealedConversation.ts"
import type { StuckReason } from "../../domain/net/StuckReason.ts"
import type { Unreached } from "../../domain/net/Unreached.ts"
import { type Action, ChatConversation, type Owner as ConversationOwner } from "./ChatConversation.ts"
import { ChatMessages, type Texts } from "./ChatMessages.ts"
import { ChatNews, type PathInUse } from "./ChatNews.ts"
import * as ChatPaths from "./ChatPaths.ts"
import { ChatEnded, NotOpen, type SayError } from "./ChatSession.ts"
import type { ChatTools } from "./ChatTools.ts"
import type { Way } from "./ChatWay.ts"
import type { Sleeper } from "./DueTimers.ts"
import * as Farewell from "./Farewell.ts"
import { LazyLatch } from "../LazyLatch.ts"
import * as SortedFrames from "./SortedFrames.ts"
import { Verifications } from "./Verifications.ts"

/** How many frames may wait for the end of a turn. */
const waitingFrames = 64

const noPath: PathInUse = { kind: "none", address: "", rttMillis: undefined }

export interface Options {
  readonly keys: SealedConversation.Keys
  readonly peerName: string
  /** How long to go on when there is no path to the other side at first, in milliseconds. */
  readonly patienceMillis: number
  readonly texts: Texts
}

export class LiveChat implements ConversationOwner, ChatPaths.Owner, Sleeper {
  wakesAt = Infinity
  place = -1
  private readonly tools: ChatTools
  private readonly scope: Scope.Scope
  private readonly peerName: string
  private readonly giveUpAt: number

  private readonly conversation: ChatConversation
  private readonly messages: ChatMessages
  private readonly paths: ChatPaths.ChatPaths
  private pathInUse = noPath
  /** Where the other side was last reached directly. */
  private reachedAt: Endpoint | undefined
  private hasWay = true
  /** Frames for the other side that wait for the end of the turn. */
  private waiting: Array<Frame.Frame> | undefined
  private turns = 0
  /** When the turn at hand, or the last one, began. */
  private turnAt: Moment
  /** Whether what was said outside of a turn has just left, and what is said now waits for what follows. */
  private isGathering = false

  private readonly whenOpened = Deferred.makeUnsafe<string, ChatEnded>()
  private readonly whenEnded = Deferred.makeUnsafe<Ending>()
  readonly news = new ChatNews()
  readonly verifications = new Verifications()
  /** Open while there is no way through a server, or there are no keys. */
  readonly adrift = new LazyLatch(false)
  private farewell: Farewell.Farewell | undefined

  /** @param scope what is begun here ends with it. `end` comes before */
  constructor(tools: ChatTools, { keys, peerName, patienceMillis, texts }: Options, scope: Scope.Scope) {
    this.tools = tools
    this.scope = scope
    this.peerName = peerName
    this.turnAt = tools.moment()
    this.giveUpAt = this.turnAt.monotonic + patienceMillis
    this.messages = new ChatMessages(texts, this.news)
    this.conversation = new ChatConversation(tools.cryptography, this, keys, this.turnAt)
    this.paths = new ChatPaths.ChatPaths(tools, this, keys.isInitiator, scope)
    tools.timers.add(this)
  }

  /** Done when the other side is there; with the name that it goes by. */
  get opened(): Effect.Effect<string, ChatEnded> {
    return Deferred.await(this.whenOpened)
  }

  get ended(): Effect.Effect<Ending> {
    return Deferred.await(this.whenEnded)
  }

  get phase(): SealedConversation.Phase {
    return this.conversation.phase
  }

  get path(): PathInUse {
    return this.pathInUse
  }

  get report(): Reach.Report {
    return this.paths.report()
  }

  /** Why the other side could not be reached, as far as known here; none where nothing but an address is known of it. */
  get unreached(): Unreached | undefined {
    return this.paths.unreached()
  }

  get remote(): Endpoint | undefined {
    return this.reachedAt
  }

  get isHeard(): boolean {
    return this.conversation.isHeard
  }

  /** Whether nothing that was said waits for a way, or to be delivered. */
  get hasNothingToDeliver(): boolean {
    return this.messages.isIdle || this.paths.active === undefined
  }

  /** Open while all is delivered. */
  get idle(): LazyLatch {
    return this.messages.idle
  }

  isAdrift(): boolean {
    return this.phase !== "Closed" && (!this.hasWay || this.phase === "Suspended")
  }

  sayUnsafe(text: string): Result.Result<void, SayError> {
    if (this.phase !== "Open" && this.phase !== "Suspended") return Result.fail(new NotOpen())
    const said = this.messages.say(text)
    if (Result.isFailure(said) || this.turns > 0 || this.isGathering) return said
    this.turn(() => {})
    this.gather()
    return said
  }

  /** Texts that are said one right after the other share records, but for the first. */
  private gather(): void {
    this.isGathering = true
    const gathered = Effect.sync(() => {
      this.isGathering = false
      if (this.phase !== "Closed") this.turn(() => {})
    })
    this.tools.fork(Effect.andThen(Effect.yieldNow, gathered), this.scope)
  }

  /** A text was taken by whoever reads: there is room for more. */
  taken(): void {
    this.turn(() => this.messages.taken())
  }

  verify(): void {
    this.notice()
    this.on({ _tag: "Verify", at: this.moment() })
  }

  /** The other side has proven that it does not know the chat any more; one that never began it has given up, too. */
  forgotten(): void {
    this.notice()
    this.on({ _tag: "GiveUp", ending: this.isBeginning ? "unreachable" : "forgotten" })
  }

  follow(way: Way, scope: Scope.Closeable): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.lookAdrift()
      return this.paths.follow(way, scope)
    })
  }

  /**
   * Goes on with other keys. Who has had the last word in agreeing on them cannot know that it has arrived: until anything
   * comes that is sealed with them, the former ones serve as long as they may.
   *
   * @param scope of the way's own things
   */
  resume(keys: SealedConversation.Keys, way: Way, scope: Scope.Closeable): Effect.Effect<void> {
    return Effect.suspend(() => {
      let left = Effect.void
      this.turn(() => {
        // M4 is of who was called, and XX3 of who began.
        const hasLastWord = keys.isInitiator === (way._tag === "Address")
        this.conversation.offer(keys, !hasLastWord, this.turnAt)
        left = this.paths.follow(way, scope)
      })
      this.hasWay = true
      this.lookAdrift()
      return left
    })
  }

  onKeys(): void {
    this.messages.resumed()
    this.waiting = undefined
  }

  /** Ends the chat and tells the other side, more than once. */
  get goodbye(): Effect.Effect<void> {
    return Effect.suspend(() => (this.farewell ??= this.makeFarewell()).say)
  }

  /** The end of its scope: waits for the farewell, if it was begun. */
  get end(): Effect.Effect<void> {
    return Effect.suspend(() => this.farewell?.said ?? Effect.void).pipe(
      Effect.andThen(Effect.sync(() => this.tools.timers.remove(this))),
      Effect.andThen(this.paths.end),
    )
  }

  private makeFarewell(): Farewell.Farewell {
    let saysGoodbye = false
    return new Farewell.Farewell({
      isOver: () => this.phase === "Closed",
      end: () => {
        this.notice()
        saysGoodbye = this.conversation.hasKeys
        this.on({ _tag: "Close" })
      },
      send: () => {
        if (saysGoodbye) this.sendClose()
      },
    })
  }

  // What is sent.

  seal(frames: ReadonlyArray<Frame.Frame>): Uint8Array | undefined {
    const { conversation } = this
    return conversation.hasKeys && !conversation.isExpired(this.moment()) ? conversation.seal(frames) : undefined
  }

  private sealAll(frames: ReadonlyArray<Frame.Frame>): void {
    this.conversation.sealAll(frames, (datagram) => this.paths.transmit(datagram))
  }

  private sendClose(): void {
    if (this.paths.active !== undefined) this.conversation.sealClose((datagram) => this.paths.transmit(datagram))
  }

  private flush(): void {
    const frames = this.waiting
    this.waiting = undefined
    if (this.paths.active === undefined || !this.conversation.hasKeys) return
    if (frames !== undefined) this.sealAll(frames)
    const at = this.turnAt.monotonic
    for (;;) {
      const carried = this.messages.fill(this.conversation.next, at)
      const record = carried.length === 0 ? undefined : this.conversation.seal(carried)
      if (record === undefined) break
      this.paths.transmit(record)
    }
    this.messages.noteSent()
  }

  /** Everything that happens in a turn leaves together at its end, and has one time: clocks are read once. */
  private turn(happen: () => void, at?: Moment): void {
    if (this.turns === 0) this.turnAt = at ?? this.tools.moment()
    this.turns++
    happen()
    this.turns--
    if (this.turns > 0) return
    if (this.conversation.isExpired(this.turnAt)) return this.due()
    this.flush()
    if (this.messages.noteIdle()) this.paths.waiting(!this.messages.isIdle)
    if (this.conversation.isWorn) return this.due()
    this.onMoved()
  }

  /** A machine that has slept may not have noticed yet that its keys are too old. */
  private notice(): void {
    if (this.conversation.isExpired(this.moment())) this.due()
  }

  private moment(): Moment {
    return this.turns > 0 ? this.turnAt : this.tools.moment()
  }

  // The conversation.

  private on(event: SealedConversation.Event): void {
    this.turn(() => this.conversation.on(event))
  }

  perform(action: Action): void {
    switch (action._tag) {
      case "Send": {
        const waiting = (this.waiting ??= [])
        for (const frame of action.frames) waiting.push(frame)
        // A fiber that waited for this turn's event goes on within it, and may say anything.
        if (waiting.length >= waitingFrames) this.flush()
        return
      }
      case "Opened":
        return this.lookOpened()
      case "Compare":
        return this.verifications.offer(action.value)
      case "NotComparable":
        return this.verifications.offer(action.why)
      case "Ended":
        return this.over(action.ending)
    }
  }

  onSuspended(): void {
    this.lookAdrift()
  }

  private over(ending: Ending): void {
    const error = new ChatEnded({ ending })
    const { waiting } = this
    this.waiting = undefined
    if (waiting !== undefined && this.paths.active !== undefined) {
      const last = this.messages.fillLast(this.conversation.next, this.moment().monotonic)
      this.sealAll([...last, ...waiting])
    }
    this.tools.timers.remove(this)
    if (ending === "unverified")
      this.tools.fork(
        Farewell.again(() => this.sendClose()),
        this.scope,
      )
    // Nobody is to call for it any more.
    this.lookAdrift()
    Deferred.doneUnsafe(this.whenOpened, Effect.fail(error))
    Deferred.doneUnsafe(this.whenEnded, Effect.succeed(ending))
    this.messages.end(error)
    this.verifications.end(error)
  }

  /** The other side is heard, and there is a path to it. */
  private lookOpened(): void {
    if (this.conversation.phase !== "Open" || this.paths.active === undefined) return
    Deferred.doneUnsafe(this.whenOpened, Effect.succeed(this.peerName))
  }

  /**
   * Whether it has been neither open for anybody nor ended. The other side may have been heard, by a path that is not
   * ours to use: its records open, and it hears nothing.
   */
  private get isBeginning(): boolean {
    return !Deferred.isDoneUnsafe(this.whenOpened)
  }

  private lookAdrift(): void {
    if (this.isAdrift()) this.adrift.openUnsafe()
    else this.adrift.closeUnsafe()
  }

  // What is heard.

  onDatagram(datagram: Uint8Array, path: Path.Path): void {
    const { conversation } = this
    if (!conversation.hasKeys) return
    const at = this.moment()
    if (conversation.isExpired(at)) return this.due()
    const record = conversation.open(datagram, at)
    if (record !== undefined) this.turn(() => this.heard(record, path), at)
  }

  private heard(record: RecordLayer.Opened, path: Path.Path): void {
    const { own, aboutPaths, aboutMessages } = SortedFrames.of(record.frames)
    // What comes with the end was before it.
    const isLast = own.some(({ _tag }) => _tag === "Close")
    if (isLast && aboutMessages.length > 0) this.delivered(aboutMessages, record)
    this.conversation.heard(own, record, this.turnAt)
    if (this.phase === "Closed") return
    if (aboutPaths.length > 0 || !this.paths.isKnown(path)) this.paths.heard(path, aboutPaths, record.isNewest)
    this.delivered(aboutMessages, record)
  }

  private delivered(frames: ReadonlyArray<Delivery.Frame>, record: Delivery.RecordNumber): void {
    const heard = this.messages.heard(frames, record, this.turnAt.monotonic)
    if (heard.acknowledged.length > 0) this.paths.acknowledged(this.turnAt.monotonic)
    if (heard.failed !== undefined) return this.on({ _tag: "GiveUp", ending: "protocol" })
    this.messages.handOut(heard)
  }

  // Paths.

  onUse(path: Path.Path | undefined): void {
    if (path === undefined) return
    if (path._tag === "Direct") this.reachedAt = path.remote
    this.turn(() => this.messages.moved(this.turnAt.monotonic))
  }

  onPath(path: PathInUse): void {
    this.pathInUse = path
    this.news.path(path)
    this.lookOpened()
  }

  onStuck(because: StuckReason): void {
    // Who has not said yes yet is silent, and that says nothing of paths.
    if (this.isBeginning && !this.paths.isAgreed) return
    this.news.stuck(because)
  }

  onGone(): void {
    this.hasWay = false
    this.lookAdrift()
  }

  onMoved(): void {
    this.tools.timers.moved(this)
  }

  // Time.

  dueAt(): number {
    const { conversation, messages, paths } = this
    const delivers = paths.active !== undefined && conversation.hasKeys
    return Math.min(
      conversation.dueAt,
      paths.dueAt,
      delivers ? messages.dueAt : Infinity,
      this.isBeginning ? this.giveUpAt : Infinity,
    )
  }

  due(): void {
    this.turn(() => {
      this.conversation.due(this.turnAt)
      if (this.isBeginning && this.giveUpAt <= this.turnAt.monotonic) {
        this.on({ _tag: "GiveUp", ending: "unreachable" })
      }
      if (this.conversation.phase === "Closed") return
      this.paths.due()
      this.messages.due(this.turnAt.monotonic)
    })
  }
}
