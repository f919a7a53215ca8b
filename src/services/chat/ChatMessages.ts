/**
 * The messages of one chat: runs the pure machine `domain/delivery/Delivery` on texts, tells what becomes of them, and hands
 * out those of the other side.
 *
 * What it gives to be sent is sealed and sent by whoever runs the chat (`LiveChat`), who also says what time it is.
 */
import * as Cause from "effect/Cause"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as Delivery from "../../domain/delivery/Delivery.ts"
import * as MessageText from "../../domain/delivery/MessageText.ts"
import { maxAckDelay } from "../../domain/delivery/RoundTrip.ts"
import { maxPlaintextBytes } from "../../domain/record/RecordHeader.ts"
import type { ChatNews } from "./ChatNews.ts"
import { type ChatEnded, TextTooLong, TooMuchWaiting } from "./ChatSession.ts"
import { LazyLatch } from "../LazyLatch.ts"

/** Where texts wait to be received, or who is told of each in the moment it arrives. */
export type Texts = Queue.Queue<string, ChatEnded> | ((text: string) => void)

/** All times are milliseconds of the monotonic clock. */
export class ChatMessages {
  private readonly texts: Texts
  private readonly news: ChatNews
  private state = Delivery.initial()
  private wasIdle = true
  /** Open while all is delivered. */
  readonly idle = new LazyLatch(true)

  constructor(texts: Texts, news: ChatNews) {
    this.texts = texts
    this.news = news
  }

  /** Whether all that was said is delivered. */
  get isIdle(): boolean {
    return Delivery.isIdle(this.state)
  }

  /** Says a text: it goes with the next records. */
  say(text: string): Result.Result<void, TextTooLong | TooMuchWaiting> {
    const body = MessageText.encode(text)
    if (body === undefined) {
      return Result.fail(new TextTooLong({ bytes: MessageText.length(text), maximum: Delivery.maxMessageBytes }))
    }
    if (Delivery.room(this.state) < body.length) return Result.fail(new TooMuchWaiting())
    this.state = Delivery.say(this.state, [body])
    // Whoever says it within another turn may wait for it before that is over.
    this.idle.closeUnsafe()
    return Result.void
  }

  /** A text was taken by whoever reads: there is room for more. */
  taken(): void {
    this.state = Delivery.taken(this.state, 1)
  }

  /** What the next record carries, if it goes now; none where there is nothing to send. */
  fill(record: Delivery.RecordNumber, at: number): ReadonlyArray<Delivery.Frame> {
    const [next, frames] = Delivery.fill(this.state, record, maxPlaintextBytes, at)
    this.state = next
    return frames
  }

  /** What the last record carries: what has come shortly before is acknowledged, it would look as if it had not. */
  fillLast(record: Delivery.RecordNumber, at: number): ReadonlyArray<Delivery.Frame> {
    return this.fill(record, at + maxAckDelay)
  }

  /** What `fill` gave has left. */
  noteSent(): void {
    this.news.sent(Delivery.sent(this.state))
  }

  /** Opens or closes `idle`. Returns whether it has changed since the last time. */
  noteIdle(): boolean {
    const { isIdle } = this
    if (isIdle === this.wasIdle) return false
    this.wasIdle = isIdle
    if (isIdle) this.idle.openUnsafe()
    else this.idle.closeUnsafe()
    return true
  }

  /**
   * A record has opened.
   *
   * @param frames of its frames those about messages
   * @returns what came of it; its texts are still to be handed out (`handOut`)
   */
  heard(frames: ReadonlyArray<Delivery.Frame>, record: Delivery.RecordNumber, at: number): Delivery.Heard {
    const [next, heard] = Delivery.heard(this.state, frames, record, at)
    this.state = next
    this.news.delivered(heard.delivered)
    return heard
  }

  /** Hands out what the other side said. Whoever is told of it may say something. */
  handOut({ messages }: Delivery.Heard): void {
    if (messages.length === 0) return
    const { texts } = this
    if (typeof texts !== "function") {
      for (const body of messages) Queue.offerUnsafe(texts, MessageText.decode(body))
      return
    }
    this.state = Delivery.taken(this.state, messages.length)
    for (const body of messages) texts(MessageText.decode(body))
  }

  /** Records go by another path from now on. */
  moved(at: number): void {
    this.state = Delivery.moved(this.state, at)
  }

  /** All keys are new. */
  resumed(): void {
    this.state = Delivery.resumed(this.state)
  }

  /** Nothing more is said: those who wait for a text learn it, after the texts that are left. */
  end(error: ChatEnded): void {
    if (typeof this.texts !== "function") Queue.failCauseUnsafe(this.texts, Cause.fail(error))
  }

  /** When `due` is to be called; `Infinity` for never. */
  get dueAt(): number {
    return Delivery.dueAt(this.state)
  }

  due(at: number): void {
    if (this.dueAt <= at) this.state = Delivery.due(this.state, at)
  }
}
