/**
 * Conversations in a world of their own: a clock, timers, and a network that does to each datagram what it is told.
 *
 * ```
 *   Nomitm (Conversation.step) ──▶ bytes ──▶ lost | late | doubled ──▶ bytes ──▶ Nomitm, or a model of the older program
 * ```
 */
import * as Result from "effect/Result"
import * as Conversation from "../../src/domain/Conversation.ts"
import type { Dialect } from "../../src/domain/Dialect.ts"
import type { Endpoint } from "../../src/domain/Endpoint.ts"
import * as PeerMessage from "../../src/domain/PeerMessage.ts"

/** What becomes of a datagram: how many copies arrive, and how late each is, in milliseconds. */
export type Fate = ReadonlyArray<number>

/** The delay of a network that behaves, in milliseconds. */
export const fairDelay = 20

/** Time that passes only from one event to the next. */
export class Timeline {
  now = 0
  private events: Array<{ readonly at: number; readonly run: () => void }> = []

  after(delay: number, run: () => void): void {
    const at = this.now + delay
    let i = this.events.length
    while (i > 0 && this.events[i - 1]!.at > at) i--
    this.events.splice(i, 0, { at, run })
  }

  advance(until: number): void {
    while (this.events.length > 0 && this.events[0]!.at <= until) {
      const { at, run } = this.events.shift()!
      this.now = at
      run()
    }
    this.now = until
  }
}

/** One direction: up to `fairFrom` the fates are used one after the other, again and again; then all arrives. */
export class Path {
  sent = 0
  private readonly timeline: Timeline
  private readonly fates: ReadonlyArray<Fate>
  private readonly fairFrom: number
  private readonly deliver: (datagram: Uint8Array) => void

  constructor(
    timeline: Timeline,
    fates: ReadonlyArray<Fate>,
    fairFrom: number,
    deliver: (datagram: Uint8Array) => void,
  ) {
    this.timeline = timeline
    this.fates = fates
    this.fairFrom = fairFrom
    this.deliver = deliver
  }

  send(datagram: Uint8Array): void {
    const fair = this.timeline.now >= this.fairFrom || this.fates.length === 0
    const fate = fair ? [fairDelay] : this.fates[this.sent % this.fates.length]!
    this.sent++
    for (const delay of fate) this.timeline.after(delay, () => this.deliver(datagram))
  }
}

/** Either side of a conversation. */
export interface Side {
  readonly receive: (datagram: Uint8Array) => void
  readonly isOpen: () => boolean
}

/** This program's side, with the timers that `ChatSession` gives it. */
export class Nomitm implements Side {
  state: Conversation.State
  readonly sent: Array<{ readonly at: number; readonly message: PeerMessage.PeerMessage }> = []
  readonly delivered: Array<string> = []
  ending: { readonly reason: Conversation.Ending; readonly at: number } | undefined
  openings = 0
  private dead = false
  private readonly timeline: Timeline
  private readonly transmit: (datagram: Uint8Array, to: Endpoint) => void

  constructor(timeline: Timeline, config: Conversation.Config, transmit: (datagram: Uint8Array, to: Endpoint) => void) {
    this.timeline = timeline
    this.transmit = transmit
    this.state = Conversation.initial(config, timeline.now)
    this.every(Conversation.resendMillis, "Resend", 0)
  }

  isOpen = () => this.state.phase === "Open"

  receive = (datagram: Uint8Array, from: Endpoint = this.state.config.remote) => {
    const message = PeerMessage.decode(this.state.config.dialect, datagram)
    if (Result.isSuccess(message)) this.on({ _tag: "Heard", message: message.success, from, now: this.timeline.now })
  }

  say = (text: string) => this.on({ _tag: "Say", text })
  close = () => this.on({ _tag: "Close" })

  /** The program is gone without a word. */
  die = () => {
    this.dead = true
  }

  private on(event: Conversation.Event): void {
    if (this.dead) return
    const [next, actions] = Conversation.step(this.state, event)
    this.state = next
    for (const action of actions) {
      switch (action._tag) {
        case "Send":
          this.sent.push({ at: this.timeline.now, message: action.message })
          this.transmit(PeerMessage.encode(this.state.config.dialect, action.message), action.to)
          break
        case "Opened": {
          this.openings++
          const pause = Conversation.beatMillis(this.state.config.dialect)
          this.every(pause, "Beat", pause)
          this.watch()
          break
        }
        case "Deliver":
          this.delivered.push(action.text)
          break
        case "Ended":
          this.ending = { reason: action.ending, at: this.timeline.now }
      }
    }
  }

  private every(pause: number, _tag: "Resend" | "Beat", first: number): void {
    this.timeline.after(first, () => {
      if (this.dead || this.ending !== undefined) return
      if (_tag === "Resend" && this.isOpen()) return
      this.on({ _tag, now: this.timeline.now })
      this.every(pause, _tag, pause)
    })
  }

  private watch(): void {
    this.timeline.after(Math.max(1, Conversation.silentAt(this.state) - this.timeline.now), () => {
      if (this.dead || this.ending !== undefined) return
      this.on({ _tag: "Silence", now: this.timeline.now })
      this.watch()
    })
  }
}

/** The older program (SPEC section 5); its busy loop of CONNECTs is slowed down to one in `flood` milliseconds. */
export class OlderProgram implements Side {
  connected = false
  timedOut = false
  sent = 0
  tokensReceived = 0
  /** The longest it has waited for a token after it had one, in milliseconds. */
  longestWait = 0
  private tokenAt: number | undefined
  private dead = false
  private readonly timeline: Timeline
  private readonly name: string
  private readonly number: number
  private readonly transmit: (datagram: Uint8Array) => void

  constructor(
    timeline: Timeline,
    name: string,
    number: number,
    flood: number,
    transmit: (datagram: Uint8Array) => void,
  ) {
    this.timeline = timeline
    this.name = name
    this.number = number
    this.transmit = transmit
    const loop = () => {
      if (this.dead || this.connected) return
      this.connect()
      timeline.after(flood, loop)
    }
    loop()
  }

  isOpen = () => this.connected && !this.timedOut

  die = () => {
    this.dead = true
  }

  receive = (datagram: Uint8Array) => {
    const message = PeerMessage.decode("original", datagram)
    if (this.dead || this.timedOut || Result.isFailure(message)) return
    switch (message.success._tag) {
      case "Connect":
        if (this.connected) return this.connect()
        this.connected = true
        if (message.success.number < this.number) this.token()
        return
      case "KeepAlive":
        if (!this.connected) return
        this.tokensReceived++
        this.longestWait = Math.max(this.longestWait, this.timeline.now - (this.tokenAt ?? this.timeline.now))
        this.tokenAt = this.timeline.now
        this.timeline.after(20_000, () => {
          if (this.timeline.now - this.tokenAt! >= 20_000) this.timedOut = true
        })
        return this.token()
      default:
        return undefined
    }
  }

  private connect(): void {
    this.send({ _tag: "Connect", from: this.name, number: this.number })
  }

  private token(): void {
    this.send({ _tag: "KeepAlive", from: this.name })
  }

  private send(message: PeerMessage.PeerMessage): void {
    this.sent++
    this.transmit(PeerMessage.encode("original", message))
  }
}

/** How many datagrams a side that behaves may have sent in so many milliseconds of a conversation. */
export const mostDatagrams = (dialect: Dialect, millis: number): number =>
  // CONNECTs and their answers a quarter of a second apart, one at the opening, and signs of life.
  Math.floor(millis / Conversation.resendMillis) +
  3 +
  (dialect === "readme"
    ? Math.floor(millis / Conversation.keepaliveMillis)
    : Math.floor(millis / Conversation.tokenPauseMillis) + 1)
