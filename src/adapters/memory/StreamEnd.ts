/**
 * A connection as two ends: reliable, ordered bytes with latency, a bounded window and a bounded outbox, half close and
 * reset. As TCP does, it stands still while the way is interrupted, and goes on afterwards.
 *
 * ```
 * send -> outbox (at most `outboxBytes`) -> window (at most `windowBytes`: under way, or not read yet) -> receive
 * ```
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type { Endpoint } from "../../domain/Endpoint.ts"
import {
  type Connection,
  ConnectionClosed,
  lingerMillis,
  outboxBytes,
  type Secured,
} from "../../services/RendezvousTransport.ts"
import type { Timeline } from "./Timeline.ts"

/** How much one side sends ahead of what the other has read, in bytes. */
export const windowBytes = 64 * 1024
/** What is sent in one piece, in bytes. */
export const segmentBytes = 16 * 1024
/** With no more in its outbox than this, in bytes, a connection counts as drained. */
export const littleBytes = 64 * 1024

/** The way between two ends. */
export interface Way {
  readonly isOpen: () => boolean
  /** In milliseconds. */
  readonly latency: (from: StreamEnd) => number
}

type Piece = Uint8Array | "End" | "Reset"

const encoder = new TextEncoder()

export class StreamEnd {
  readonly local: Endpoint
  readonly remote: Endpoint
  /** Where this end's pieces arrive. Set right after both are made. */
  other!: StreamEnd
  /** Whether the client's first byte will be that of a TLS handshake. */
  wantsTls = false
  /** The TLS session, if there is one by the time `connection` is asked for. */
  secured: Secured | undefined
  private readonly timeline: Timeline
  private readonly way: Way
  private readonly inbox: Queue.Queue<Uint8Array, ConnectionClosed>
  private outbox: Array<Uint8Array> = []
  private waiting = 0
  /** In the inbox, in bytes. */
  private received = 0
  /** Sent by this end and not read by the other, in bytes. */
  private unread = 0
  private readonly underWay: Array<Piece> = []
  private lastAt = -Infinity
  /** Arrivals that found the way closed. */
  private stranded = 0
  /** Nothing more will be said. */
  private ending = false
  private endSent = false
  /** Nothing more will be listened to. */
  private closed = false
  /** Reset, by whichever side. */
  private broken = false
  private endHeard = false
  private readonly watchers = new Set<() => void>()

  constructor(
    timeline: Timeline,
    way: Way,
    inbox: Queue.Queue<Uint8Array, ConnectionClosed>,
    local: Endpoint,
    remote: Endpoint,
  ) {
    this.timeline = timeline
    this.way = way
    this.inbox = inbox
    this.local = local
    this.remote = remote
  }

  /** Whether this end takes no more part. */
  get isGone(): boolean {
    return this.broken || (this.closed && this.endSent)
  }

  readonly connection = (): Connection => ({
    local: this.local,
    remote: this.remote,
    secured: this.secured,
    receive: Effect.map(Queue.takeAll(this.inbox), (pieces) => {
      const bytes = concat(pieces)
      this.read(bytes.length)
      return bytes
    }),
    send: (text) => {
      if (this.ending || this.broken || text === "") return
      const bytes = encoder.encode(text)
      this.outbox.push(bytes)
      this.waiting += bytes.length
      this.pump()
      if (this.waiting > outboxBytes) this.reset()
    },
    isOpen: () => !this.broken && !this.ending,
    queued: () => this.waiting,
    drained: this.until(() => this.broken || this.waiting <= littleBytes),
    end: Effect.suspend(() => {
      this.finish()
      this.resetAfterLinger(() => this.bothEnded)
      return this.until(() => this.broken || this.bothEnded)
    }),
    abort: () => this.reset(),
  })

  private get bothEnded(): boolean {
    return this.endSent && this.endHeard
  }

  private resetAfterLinger(isDone: () => boolean): void {
    if (isDone()) return
    this.timeline.plan(this.timeline.now() + lingerMillis, () => {
      if (!isDone()) this.reset()
    })
  }

  /** Ends the stream and stops listening; done when what waited is sent, or after `lingerMillis` without that. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    if (!this.closed) {
      this.closed = true
      this.fail("Reset")
      this.other.taken(this.received)
      this.finish()
      this.resetAfterLinger(() => this.isGone)
    }
    return this.until(() => this.isGone)
  })

  /** Cuts the stream: this side knows at once, the other as soon as it hears of it. */
  reset(): void {
    if (this.broken) return
    this.fall()
    this.dispatch("Reset")
  }

  /** Lets pieces go on that found the way closed. */
  resume(): void {
    const count = this.stranded
    this.stranded = 0
    for (let i = 0; i < count; i++) this.timeline.plan(this.timeline.now(), this.arrive)
  }

  private read(bytes: number): void {
    if (this.closed) return
    this.received -= bytes
    this.other.taken(bytes)
  }

  /** The other side has read something. */
  private taken(bytes: number): void {
    this.unread -= bytes
    this.pump()
  }

  private finish(): void {
    if (this.ending) return
    this.ending = true
    this.pump()
  }

  private pump(): void {
    if (this.broken) return
    while (this.outbox.length > 0 && this.unread < windowBytes) {
      const first = this.outbox[0]!
      const piece = first.length > segmentBytes ? first.subarray(0, segmentBytes) : first
      if (piece === first) this.outbox.shift()
      else this.outbox[0] = first.subarray(segmentBytes)
      this.waiting -= piece.length
      this.unread += piece.length
      this.dispatch(piece)
    }
    if (this.ending && !this.endSent && this.outbox.length === 0) {
      this.endSent = true
      this.dispatch("End")
    }
    this.notify()
  }

  private dispatch(piece: Piece): void {
    this.underWay.push(piece)
    this.lastAt = Math.max(this.timeline.now() + this.way.latency(this), this.lastAt)
    this.timeline.plan(this.lastAt, this.arrive)
  }

  /** The next piece of this end reaches the other. */
  private readonly arrive = (): void => {
    if (!this.way.isOpen()) {
      this.stranded += 1
      return
    }
    const piece = this.underWay.shift()
    if (piece !== undefined) this.other.take(piece)
  }

  private take(piece: Piece): void {
    if (this.broken) return this.refuse(piece)
    if (piece === "Reset") return this.fall()
    if (piece === "End") {
      this.endHeard = true
      this.fail("Ended")
      return this.notify()
    }
    if (this.closed) {
      // Nobody reads any more. While there is something to send, that goes first; then the sender is told.
      return this.endSent ? this.reset() : this.other.taken(piece.length)
    }
    this.received += piece.length
    Queue.offerUnsafe(this.inbox, piece)
  }

  /** Who sends to a connection that is gone hears so: what told of its end may have been lost in an interruption. */
  private refuse(piece: Piece): void {
    if (piece === "Reset") return
    this.underWay.length = 0
    this.stranded = 0
    this.dispatch("Reset")
  }

  private fall(): void {
    this.broken = true
    this.outbox = []
    this.waiting = 0
    this.fail("Reset")
    this.notify()
  }

  /** The first reason counts. */
  private fail(reason: ConnectionClosed["reason"]): void {
    Queue.failCauseUnsafe(this.inbox, Cause.fail(new ConnectionClosed({ reason })))
  }

  private until(condition: () => boolean): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const look = (): void => {
        if (!condition()) return
        this.watchers.delete(look)
        resume(Effect.void)
      }
      this.watchers.add(look)
      look()
      return Effect.sync(() => void this.watchers.delete(look))
    })
  }

  private notify(): void {
    for (const look of this.watchers) look()
  }
}

const concat = (pieces: ReadonlyArray<Uint8Array>): Uint8Array => {
  if (pieces.length === 1) return pieces[0]!
  const all = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0))
  let offset = 0
  for (const piece of pieces) {
    all.set(piece, offset)
    offset += piece.length
  }
  return all
}

/** Both ends of a connection that is not open yet: what they send is under way from then on. */
export const makePair = Effect.fnUntraced(function* (options: {
  readonly timeline: Timeline
  readonly way: Way
  readonly client: { readonly local: Endpoint; readonly remote: Endpoint }
  /** As the server sees it: NATs change the client's endpoint. */
  readonly server: { readonly local: Endpoint; readonly remote: Endpoint }
}) {
  const { timeline, way, client, server } = options
  const here = new StreamEnd(
    timeline,
    way,
    yield* Queue.unbounded<Uint8Array, ConnectionClosed>(),
    client.local,
    client.remote,
  )
  const there = new StreamEnd(
    timeline,
    way,
    yield* Queue.unbounded<Uint8Array, ConnectionClosed>(),
    server.local,
    server.remote,
  )
  here.other = there
  there.other = here
  return [here, there] as const
})
